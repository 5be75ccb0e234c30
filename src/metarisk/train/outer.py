"""Which samples are held out together: folds of patients, whole cohorts, whole cancer types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.benchmark import SplitSection
from metarisk.config.experiment import TaskSection
from metarisk.data.cohort import Cohort
from metarisk.data.split import Split, patient_folds
from metarisk.errors import ConfigError, first_ten, nearest
from metarisk.schema.clinical import CENTRE, COHORT
from metarisk.schema.endpoints import event_column

# Other than the salts of `metarisk.train.run` and of the members' folds: neither may follow the other.
OUTER_SALT = "metarisk-outer"
Kind = Literal["patient", "cohort", "cancer_type"]
UNTESTED = -1
_OF = "/"  # between a joined cohort and the centre that it pools


@dataclass(frozen=True)
class OuterSplit:
    """Which part of a cohort each sample is tested in.

    Attributes
    ----------
    name
        What was split, e.g. ``5 folds by patient``.
    parts
        Name of each part that is tested, length K.
    part_of
        Part of each sample, 0 .. K - 1; `UNTESTED` where it is never tested, shape (N,).
    patients
        Patient of each sample, shape (N,): nobody is learned from who is tested.
    kind
        What a part is.
    learned
        True for the samples that may be learned from, shape (N,), where one fit answers for all parts;
        None where each part has a fit on all the others.
    """

    name: str
    parts: tuple[str, ...]
    part_of: NDArray[np.intp]
    patients: NDArray[np.str_]
    kind: Kind = "patient"
    learned: NDArray[np.bool_] | None = None

    @property
    def fits(self) -> int:
        """How many fits answer for all parts."""
        return len(self.parts) if self.learned is None else 1

    def fit(self, number: int) -> Split:
        """Rows that a fit learns from, and all rows that it answers for."""
        return self.split(number) if self.learned is None else self._sides(self.part_of != UNTESTED)

    def fit_name(self, number: int) -> str:
        """What a fit holds out, in words."""
        return self.parts[number] if self.learned is None else "every tested part"

    def split(self, number: int) -> Split:
        """Rows that the answers for a part are learned from, and the part's rows."""
        tested = self.part_of == number
        if self.learned is None:
            return self._sides(tested)
        return Split(self._sides(self.part_of != UNTESTED).train_rows, np.flatnonzero(tested))

    def _sides(self, tested: NDArray[np.bool_]) -> Split:
        known = np.isin(self.patients, self.patients[tested])
        learned = ~tested if self.learned is None else self.learned
        return Split(np.flatnonzero(learned & ~known), np.flatnonzero(tested))


def outer_split(cohort: Cohort, section: SplitSection, tasks: TaskSection, seed: int) -> OuterSplit:
    """The parts that a configuration asks for.

    Parameters
    ----------
    cohort
        All samples.
    section
        What is held out together.
    tasks
        Questions that a part must know an answer to.
    seed
        Of the folds by patient.

    Raises
    ------
    ConfigError
        If the samples name no cohort or cancer type, too few of them, or none that is to be learned from.
    InputError
        If there are fewer patients than folds.
    """
    if section.by == "patient":
        return folds_by_patient(cohort, section.folds, seed)
    return _by_group(cohort, groups_of(cohort, section.by), section, tasks)


def folds_by_patient(cohort: Cohort, folds: int, seed: int) -> OuterSplit:
    """Folds by a hash of the patient id, of equal size to one patient.

    Raises
    ------
    InputError
        If there are fewer patients than folds.
    """
    part_of = patient_folds(cohort.patient_ids, folds, f"{OUTER_SALT}-{seed}")
    names = tuple(f"fold {number + 1}" for number in range(folds))
    return OuterSplit(f"{folds} folds by patient", names, part_of, cohort.patient_ids)


def groups_of(cohort: Cohort, kind: Kind) -> NDArray[np.object_]:
    """Cohort or cancer type of each sample, None where nobody says, shape (N,)."""
    return cohorts_of(cohort) if kind == "cohort" else _column(cohort, "cancer_type")


def cohorts_of(cohort: Cohort) -> NDArray[np.object_]:
    """Cohort of each sample, None where nobody says, shape (N,).

    A joined cohort's name, a pooled study's centre, or ``cohort/centre`` where a joined cohort pools several.
    """
    joined, centre = _column(cohort, COHORT), _column(cohort, CENTRE)
    both = np.array([f"{name}{_OF}{part}" for name, part in zip(joined, centre, strict=True)], dtype=object)
    known = ~pd.isna(joined) & ~pd.isna(centre)
    return np.where(known, both, np.where(pd.isna(joined), centre, joined))


def _by_group(
    cohort: Cohort, groups: NDArray[np.object_], section: SplitSection, tasks: TaskSection
) -> OuterSplit:
    names = sorted({str(name) for name in groups[~pd.isna(groups)]})
    what = "cohort" if section.by == "cohort" else "cancer type"
    _check_names(names, section, what)
    tested = [
        name
        for name in names
        if name not in section.learn_from
        and _can_be_tested(cohort.endpoints[groups == name], tasks, section.min_events)
    ]
    if not tested:
        raise ConfigError(
            f"no {what} has {section.min_events} patients with and without the event of any question",
            do="Ask what the cohorts know, or split by patient.",
        )
    part_of = np.full(len(cohort), UNTESTED, dtype=np.intp)
    for number, name in enumerate(tested):
        part_of[groups == name] = number
    learned = np.isin(groups.astype(str), section.learn_from) if section.learn_from else None
    told = f"learned from {', '.join(section.learn_from)}" if section.learn_from else f"each {what} left out"
    told = f"{told}, {len(tested)} of {len(names)} tested"
    return OuterSplit(told, tuple(tested), part_of, cohort.patient_ids, section.by, learned)


def _check_names(names: Sequence[str], section: SplitSection, what: str) -> None:
    if len(names) < 2:
        raise ConfigError(
            f"benchmark.split is by {what}, and the samples name {len(names)} of them",
            expected="at least two",
            do="Join several cohorts, or map the study file's column of cohorts to `centre`.",
        )
    unknown = sorted(set(section.learn_from) - set(names))
    if unknown:
        raise ConfigError(
            f"benchmark.split.learn_from names {first_ten(unknown)}",
            expected=f"among {first_ten(names)}",
            do=nearest(unknown[0], names),
        )


def _can_be_tested(endpoints: pd.DataFrame, tasks: TaskSection, least: int) -> bool:
    return any(min(yes, no) >= least for yes, no in _events(endpoints, tasks))


def _events(endpoints: pd.DataFrame, tasks: TaskSection) -> Iterator[tuple[int, int]]:
    """Rows with the event and without, of each question that the table knows."""
    asked = (*tasks.binary_endpoints, *map(event_column, tasks.timed))
    for name in asked:
        if name in endpoints:
            codes = endpoints[name].dropna()
            yield int((codes == 1).sum()), int((codes != 1).sum())


def _column(cohort: Cohort, name: str) -> NDArray[np.object_]:
    return cohort.clinical.reindex(columns=[name])[name].to_numpy(dtype=object)
