"""What an experiment may choose of the network's shape."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from metarisk.config.section import Section


class NetworkSection(Section):
    """The network's shape.

    Attributes
    ----------
    width
        Hidden width D.
    effect_layers
        Message-passing steps over the genes' identities, once a batch: a mutation's effect is tied to its
        neighbours'. Almost free.
    state_layers
        Message-passing steps over the genes' states, sample by sample: for assays that measure states, such
        as expression and protein.
    readout
        Numbers a pathway hands to the heads.
    direct_hidden
        Hidden units of the direct path's MLP; 0 leaves it linear.
    direct_layers
        Hidden layers of that MLP.
    copies
        Implicit members K of the direct path's MLP: they share its weights, and each has its own scalings
        and output layer. 1 is the plain MLP.
    number_embedding
        How the direct path reads a clinical number: ``piecewise`` linear over training quantiles,
        ``periodic``, sines and cosines of its place among them, or ``linear``, the number itself between its
        lowest and highest inner quantile, which carries best to other centres.
    number_width
        Numbers that each clinical number's own linear layer makes of its embedding; 0 hands it on as it is.
    category_width
        Numbers of a learned embedding that each level of a clinical category has beside its own column;
        0 leaves it out.
    numbers_by
        Clinical category whose levels each have a slope of their own for every clinical number, beside the
        common one, e.g. PD-L1 by cancer type; None leaves them out.
    assay_weight
        Factor of the columns of assays on the direct path: below 1 the prior holds their effects nearer to
        zero than those of clinical numbers and categories.
    site_rank
        Length of the organs' embeddings, through which organs share what they read of the pathways;
        0 gives each organ weights of its own.
    therapy_width
        Length of the embedding of the class of therapy, which changes what the response reads of the
        pathways; 0 leaves it out. Only where ``therapy_class`` is among the features.
    dropout
        Of the direct path's hidden units and of pathways.
    adapter_rank
        Rank of the low-rank maps behind the encoders and each step over states, which start at zero and are
        what `training.finetune: adapters` fits; 0 has none.
    graph
        Run the graph path at all; False is the no-graph control.
    """

    width: int = Field(default=16, ge=1, le=512)
    effect_layers: int = Field(default=1, ge=0, le=8)
    state_layers: int = Field(default=1, ge=0, le=8)
    readout: int = Field(default=4, ge=1, le=64)
    direct_hidden: int = Field(default=128, ge=0, le=4096)
    direct_layers: int = Field(default=1, ge=1, le=4)
    copies: int = Field(default=1, ge=1, le=64)
    number_embedding: Literal["piecewise", "periodic", "linear"] = "piecewise"
    number_width: int = Field(default=0, ge=0, le=64)
    category_width: int = Field(default=0, ge=0, le=64)
    # Left out of what is written where they change nothing, so that hashes of experiments stay as they were.
    numbers_by: str | None = Field(default=None, exclude_if=lambda name: name is None)
    assay_weight: float = Field(default=1.0, gt=0.0, le=100.0, exclude_if=lambda weight: weight == 1.0)
    site_rank: int = Field(default=0, ge=0, le=64)
    therapy_width: int = Field(default=0, ge=0, le=16)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    adapter_rank: int = Field(default=0, ge=0, le=64)
    graph: bool = True

    @model_validator(mode="after")
    def _copies_and_layers_are_of_an_mlp(self) -> NetworkSection:
        if self.direct_hidden == 0 and (self.copies > 1 or self.direct_layers > 1):
            raise ValueError("copies and direct_layers above 1 need direct_hidden above 0: they are an MLP's")
        return self
