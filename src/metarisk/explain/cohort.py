"""A cohort's attributions, gathered portion by portion: sizes, stability, completeness, permutation tests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.data.cohort import Cohort
from metarisk.explain.parts import Explained, Subject, explain
from metarisk.explain.permutation import (
    PERMUTATIONS,
    Outcomes,
    PermutationTest,
    Tested,
    outcomes_of,
    permuted,
)
from metarisk.explain.stability import Summed, Tally
from metarisk.explain.tables import Completeness, cohort_table
from metarisk.features.batch import Batch, FloatArray

STRATUM = "cancer_type"


class CohortTally:
    """Everything that is kept of the samples of a stream; it does not grow with them.

    Parameters
    ----------
    subject
        What is explained.
    permutations
        How often outcomes are permuted.
    seed
        Of the permutations.
    """

    def __init__(self, subject: Subject, *, permutations: int = PERMUTATIONS, seed: int = 0) -> None:
        self.subject = subject
        self.driven = np.zeros(len(subject.questions), dtype=np.int64)
        self._permutations, self._rng = permutations, np.random.default_rng(seed)
        answers, members = len(subject.questions), len(subject.ensemble.networks)
        self._tallies = {
            kind: Tally(members, answers, len(names.names)) for kind, names in subject.parts.items()
        }
        self._tests = {
            kind: PermutationTest(answers, names.own, permutations) for kind, names in subject.parts.items()
        }
        self._complete = {kind: Completeness(answers) for kind in subject.parts}

    def portion(self, cohort: Cohort, batch: Batch) -> Iterator[tuple[NDArray[np.intp], Explained]]:
        """Explain a portion's samples, a few at a time, and keep what the cohort's tables need."""
        outcomes = self._outcomes(cohort)
        toward = gene_direction(self.subject, batch)
        toward = np.pad(toward, ((0, 0), (0, self.subject.parts["gene"].rest)))
        for test in self._tests.values():
            test.portion(outcomes)
        for rows, found in explain(self.subject, batch):
            for kind, names in self.subject.parts.items():
                shares = found.shares[kind]
                self._tallies[kind].add(shares, toward[rows] if kind == "gene" else None)
                own = shares[..., : names.own].mean(axis=0)
                self._tests[kind].add(outcomes.centred[:, :, rows], own)
                self._complete[kind].add(found, kind)
            yield rows, found

    def tables(self) -> dict[str, pd.DataFrame]:
        """Kind -> the cohort's table, and ``completeness``."""
        summed = {kind: tally.result() for kind, tally in self._tallies.items()}
        tables = {
            kind: cohort_table(self.subject, kind, summed[kind], _widened(self._tests[kind].result(), own))
            for kind, own in ((kind, names.rest) for kind, names in self.subject.parts.items())
        }
        checks = [check.table(self.subject, kind, summed[kind]) for kind, check in self._complete.items()]
        return {**tables, "completeness": pd.concat(checks, ignore_index=True)}

    def tested(self) -> Tested:
        """Counts of the patients that the tests rest on."""
        return next(iter(self._tests.values())).result()

    def summed(self, kind: str) -> Summed:
        """Sums of a kind."""
        return self._tallies[kind].result()

    def _outcomes(self, cohort: Cohort) -> Outcomes:
        """Outcomes of patients that the model has not seen, one sample each."""
        labels = outcomes_of(cohort.endpoints, list(self.subject.questions.values()))
        labels[:, self.subject.bundle.training_ids.contains(cohort.patient_ids)] = np.nan
        again = np.ones(len(cohort), dtype=np.bool_)
        again[np.unique(cohort.patient_ids, return_index=True)[1]] = False
        labels[:, again] = np.nan
        return permuted(labels, _strata(cohort), self._permutations, self._rng)


def _strata(cohort: Cohort) -> NDArray[np.str_]:
    if STRATUM not in cohort.clinical:
        return np.full(len(cohort), "", dtype=np.str_)
    return cohort.clinical[STRATUM].fillna("").astype(str).to_numpy(dtype=np.str_)


def gene_direction(subject: Subject, batch: Batch) -> FloatArray:
    """1 where a gene is raised or altered, -1 where it is lowered, 0 at the training mean, shape (N, F).

    F are the genes of each assay, as the parts of kind ``gene`` have them before the rest.
    """
    scales = subject.bundle.transform.scales
    signs = [np.sign(batch.assays[assay].values.sum(axis=2)) for assay in scales]
    return np.concatenate(signs, axis=1).astype(np.float32)


def _widened(tested: Tested, rest: int) -> Tested:
    """The same with nothing tested for the parts of no kind."""
    blank = np.full((len(tested.p), rest), np.nan)
    difference, p, adjusted = (np.concatenate([values, blank], axis=1) for values in tested[:3])
    return Tested(difference, p, adjusted, tested.cases, tested.controls)
