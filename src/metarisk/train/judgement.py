"""Everything that is said of models on held-out samples: figures, subgroups, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from metarisk.models.answers import Probability
from metarisk.train.coverage import coverage_figures
from metarisk.train.decisions import decision_figures
from metarisk.train.figures import Answers, held_out_figures, joined
from metarisk.train.held_out import HeldOut
from metarisk.train.subgroups import subgroup_figures


class Judgement(NamedTuple):
    """Tables of several models on the same samples.

    Attributes
    ----------
    figures
        Of `held_figures`.
    subgroups
        Of `metarisk.train.subgroups.subgroup_figures`.
    decisions
        Of `metarisk.train.decisions.decision_figures`.
    """

    figures: pd.DataFrame
    subgroups: pd.DataFrame
    decisions: pd.DataFrame


def judge(models: Mapping[str, Answers], answered: Sequence[Probability], held_out: HeldOut) -> Judgement:
    """All tables of models.

    Parameters
    ----------
    models
        Model -> question -> probability of each sample, shape (N,); `metarisk.train.figures.OURS` among them.
    answered
        Our answers with their sets.
    held_out
        The samples.
    """
    return Judgement(
        held_figures(models, answered, held_out),
        subgroup_figures(models, held_out),
        decision_figures(models, held_out),
    )


def held_figures(
    models: Mapping[str, Answers], answered: Sequence[Probability], held_out: HeldOut
) -> pd.DataFrame:
    """Figures of the models, and of our conformal sets; arguments as `judge`."""
    section = held_out.section
    groups = held_out.clinical.reindex(columns=["patient_id", section.within])
    judged_on = (held_out.endpoints, held_out.training, groups, section)
    return joined(held_out_figures(models, *judged_on), coverage_figures(answered, *judged_on))
