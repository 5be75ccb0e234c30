"""What an experiment may choose of the network's shape."""

from __future__ import annotations

from pydantic import Field

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
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    adapter_rank: int = Field(default=0, ge=0, le=64)
    graph: bool = True
