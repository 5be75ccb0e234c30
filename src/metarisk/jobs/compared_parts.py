"""Answers of one model for what one fit holds out, kept under a hash of all they rest on."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from metarisk.config import load_experiment
from metarisk.config.benchmark import BenchmarkSection, PanelStep
from metarisk.config.experiment import Experiment
from metarisk.config.search import Value
from metarisk.files import written

if TYPE_CHECKING:
    from metarisk.data.cohort import Cohort
    from metarisk.models.pretrained import Start
    from metarisk.pathways.topology import Topology
    from metarisk.train.crossvalidate import Round
    from metarisk.train.outer import OuterSplit
    from metarisk.train.unseen import Hiding

log = logging.getLogger(__name__)

PARTS = "parts"
CHOICE = "choice"  # in the place of a model: which settings a fit takes
KEY, SECONDS, NOTES = b"metarisk.key", b"metarisk.seconds", b"metarisk.notes"


class Pair(NamedTuple):
    """A model, and which of the fits it is.

    Attributes
    ----------
    fit
        Number of the fit, see `metarisk.train.outer.OuterSplit`.
    model
        Ours, a baseline or a control.
    share
        Share of the training patients that it learns from.
    seed
        Seed of the fit and of a permuted topology; the experiment's own if None.
    topology
        Name of another topology that it runs over; the experiment's own if empty.
    hides
        Share of the genes that it does not learn from, or the panel that it learns from and the one that it
        is asked on; nothing is hidden at 0.
    """

    fit: int
    model: str
    share: float = 1.0
    seed: int | None = None
    topology: str = ""
    hides: float | PanelStep = 0.0


class ComparedPart(NamedTuple):
    """Answers on disk.

    Attributes
    ----------
    pair
        What they are of.
    file
        Parquet; samples are hashed.
    seconds
        What fitting and predicting took, when that was done.
    kept
        True where an earlier run had done it.
    notes
        Questions that the training patients could not answer.
    """

    pair: Pair
    file: Path
    seconds: float
    kept: bool
    notes: tuple[str, ...]


@dataclass
class Bench:
    """An experiment with its samples, and the fit that is being worked on."""

    experiment: Experiment
    cohort: Cohort
    topology: Topology
    base: Path
    start: Start | None = None

    @classmethod
    def open(cls, config: Path, data_root: Path | None) -> Bench:
        """Read what a configuration names.

        Raises
        ------
        MetariskError
            If the configuration, the study or the topology cannot be used.
        """
        from metarisk.jobs.source import (
            read_experiment_cohort,
            read_experiment_start,
            read_experiment_topology,
        )

        experiment = load_experiment(config)
        base = config.resolve().parent
        topology = read_experiment_topology(experiment.topology, base=base)
        cohort = read_experiment_cohort(experiment, topology, base=base, data_root=data_root)
        return cls(experiment, cohort, topology, base, read_experiment_start(experiment, base=base))

    @property
    def section(self) -> BenchmarkSection:
        """What is held out, and which models are set beside ours."""
        return self.experiment.benchmark or BenchmarkSection()

    @cached_property
    def split(self) -> OuterSplit:
        """Parts that are held out."""
        from metarisk.train.outer import outer_split

        experiment = self.experiment
        return outer_split(self.cohort, self.section.split, experiment.tasks, experiment.seed)

    def round(self, pair: Pair, folder: Path) -> Round:
        """What a fit learns from and answers for; the last one asked for is kept: several models need it.

        Where settings are to be chosen, they are those of the choice that stands in the folder, or is made.
        """
        wanted = pair._replace(model="")
        known: tuple[Pair, Round] | None = self.__dict__.get("_last")
        if known is None or known[0] != wanted:
            experiment = self._experiment(pair)
            if self.section.choose is not None:
                experiment = self.chosen(self.choice(pair, folder), experiment)
            known = wanted, self._round(pair, experiment)
            self.__dict__["_last"] = known
        return known[1]

    def _experiment(self, pair: Pair) -> Experiment:
        seed = self.experiment.seed if pair.seed is None else pair.seed
        return self.experiment.model_copy(update={"seed": seed})

    def _round(self, pair: Pair, experiment: Experiment) -> Round:
        from metarisk.train.crossvalidate import Round
        from metarisk.train.unseen import unseen_round

        split = self.split.fit(pair.fit).learning_from(pair.share, self.cohort.patient_ids, experiment.seed)
        topology = self._topology(pair.topology)
        if pair.hides == 0.0:
            return Round.of(self.cohort, topology, experiment, split, self.start)
        hiding = self._hiding(pair, experiment)
        return unseen_round(self.cohort, topology, experiment, split, hiding, self.start)

    def _hiding(self, pair: Pair, experiment: Experiment) -> Hiding:
        """The same genes for every topology: those of the experiment's own."""
        from metarisk.train.unseen import hide_newer, hide_share

        features = experiment.features
        if isinstance(pair.hides, PanelStep):
            return hide_newer(self.cohort, features, pair.hides)
        return hide_share(self.cohort, self.topology, features, pair.hides, experiment.seed)

    def choice(self, pair: Pair, folder: Path) -> ComparedPart:
        """Each alternative on each inner fold of a fit: what stands in the folder, else judged now."""
        from metarisk.train.choose import judge_alternatives
        from metarisk.train.figures import OURS

        section, kind = self.section.choose, self.split.kind
        assert section is not None
        round_ = self._round(pair, self._experiment(pair))
        key = hashlib.sha256("\0".join([round_.key(OURS), section.model_dump_json(), kind]).encode())

        def judge() -> pd.DataFrame:
            training, topology = round_.prepared.training_set.cohort, self._topology(pair.topology)
            judged = judge_alternatives(training, topology, round_.experiment, section, kind)
            rows = [(each.alternative, *inner) for each in judged for inner in enumerate(each.scores)]
            return pd.DataFrame(rows, columns=["alternative", "inner_fold", "score"])

        return _kept_or_made(pair._replace(model=CHOICE), folder, key.hexdigest(), (), judge)

    def chosen(self, part: ComparedPart, experiment: Experiment) -> Experiment:
        """The experiment with the settings that a choice comes to."""
        from metarisk.config.search import with_settings

        return with_settings(experiment, self.chosen_settings(part))

    def chosen_settings(self, part: ComparedPart) -> dict[str, Value]:
        """The alternative that is best on the inner folds of a choice."""
        from metarisk.train.choose import Judged, best_alternative

        section, table = self.section.choose, read_part(part)
        assert section is not None
        judged = [
            Judged(number, tuple(table.loc[table["alternative"] == number, "score"]))
            for number in range(len(section.among))
        ]
        return section.among[best_alternative(judged, section.metric)]

    def _topology(self, name: str) -> Topology:
        """The experiment's own, or another that its benchmark names; read once."""
        from metarisk.jobs.source import read_experiment_topology

        if not name:
            return self.topology
        read: dict[str, Topology] = self.__dict__.setdefault("_others", {})
        if name not in read:
            read[name] = read_experiment_topology(self.section.graph.beside[name], base=self.base)
        return read[name]


def fit_part(bench: Bench, pair: Pair, folder: Path) -> ComparedPart:
    """Answers of a pair: those that stand in the folder under its key, else fitted now and written.

    Parameters
    ----------
    bench
        The experiment.
    pair
        Model and fit; `CHOICE` in the place of a model judges the alternatives.
    folder
        Where the parts stand.
    """
    if pair.model == CHOICE:
        return bench.choice(pair, folder)
    round_ = bench.round(pair, folder)
    key, notes = round_.key(pair.model), round_.prepared.notes
    part = _kept_or_made(pair, folder, key, notes, lambda: round_.table(pair.model))
    if not part.kept:
        log.info("%s, %s: %.0f s", pair.model, bench.split.fit_name(pair.fit), part.seconds)
    return part


def read_part(part: ComparedPart) -> pd.DataFrame:
    """Answers of a part; its pages are checked."""
    import pyarrow.parquet as pq

    table: pd.DataFrame = pq.read_table(part.file, page_checksum_verification=True).to_pandas()
    return table


def _kept_or_made(
    pair: Pair, folder: Path, key: str, notes: Sequence[str], make: Callable[[], pd.DataFrame]
) -> ComparedPart:
    """The part that stands in the folder under its key, else one that is made now."""
    file = folder / f"{pair.model}-{pair.fit + 1}-{key[:16]}.parquet"
    known = _metadata(file)
    if known.get(KEY) == key.encode():
        return _part(pair, file, known, kept=True)
    started = time.perf_counter()
    table = make()
    seconds = time.perf_counter() - started
    metadata = {KEY: key.encode(), SECONDS: f"{seconds:.1f}".encode(), NOTES: "\n".join(notes).encode()}
    _write(table, metadata, file)
    return _part(pair, file, metadata, kept=False)


def _part(pair: Pair, file: Path, metadata: dict[bytes, bytes], *, kept: bool) -> ComparedPart:
    notes = tuple(metadata[NOTES].decode().splitlines())
    return ComparedPart(pair, file, float(metadata[SECONDS]), kept, notes)


def _write(table: pd.DataFrame, metadata: dict[bytes, bytes], file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(metadata)
    with written(file) as draft:
        pq.write_table(rows, draft, compression="zstd", write_page_checksum=True)


def _metadata(file: Path) -> dict[bytes, bytes]:
    """What a part says of itself; nothing where there is none, or it is damaged and must be made again."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not file.is_file():
        return {}
    try:
        table = pq.read_table(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        log.warning("%s is damaged; it is made again", file.name)
        return {}
    return dict(table.schema.metadata or {})
