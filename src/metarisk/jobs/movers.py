"""Which patients a page's "what moves the answers" rests on, and what moves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metarisk.jobs.explain import reasons_not_to_explain

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.explain.movers import Movers
    from metarisk.models.bundle import ModelBundle

MOST_PATIENTS = 200
SEED = 0


def movers_of_cohort(bundle: ModelBundle, samples: Cohort) -> Movers:
    """What moves a model's answers in at most `MOST_PATIENTS` patients, drawn by chance, a sample each.

    Those whom the model does not answer are left out. Equal cohorts give equal tables.
    """
    from metarisk.explain.movers import TOO_FEW, movers_of, nothing_told

    _, first = np.unique(samples.patient_ids, return_index=True)
    drawn = np.random.default_rng(SEED).permutation(np.sort(first))[:MOST_PATIENTS]
    chosen = samples.take(drawn)
    answered = reasons_not_to_explain(bundle, chosen) == ""
    if not answered.any():
        return nothing_told(0, TOO_FEW)
    return movers_of(bundle, bundle.transform.apply(chosen.take(answered)))
