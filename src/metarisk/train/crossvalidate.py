"""Every patient predicted once by each model, by a fit that never saw the patient."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.experiment import Experiment
from metarisk.data.cohort import Cohort
from metarisk.data.split import Split
from metarisk.errors import ConfigError
from metarisk.features.batch import Batch
from metarisk.models.pretrained import Start
from metarisk.pathways.topology import Topology
from metarisk.schema.endpoints import event_column, time_column
from metarisk.train.code import code_sha256
from metarisk.train.controls import BASELINES, Lesson, baseline_inputs, control_answers, lesson_of
from metarisk.train.figures import Answers, Question
from metarisk.train.members import OnEpoch
from metarisk.train.outer import OUTER_SALT
from metarisk.train.run import Prepared, prepare

# Raised when code changes what a baseline answers: answers kept under an older one are not used.
BASELINE_VERSION = 1
# A network's code changes too often for a number that must be remembered: its text is hashed.
NETWORK_CODE = ("metarisk.train.members", "metarisk.models.answers")
ANSWER_COLUMNS = ("sample", "endpoint", "horizon_days", "probability")


@dataclass(frozen=True)
class Round:
    """One part held out, the others ready to be learned from.

    Attributes
    ----------
    prepared
        Training patients, as features and targets.
    test
        Held-out samples.
    experiment
        The whole configuration.
    scored_on
        What each row of ``test`` is asked with, where samples stand there several times, see
        `metarisk.train.unseen`; None where each stands once with all it has.
    """

    prepared: Prepared
    test: Cohort
    experiment: Experiment
    scored_on: NDArray[np.str_] | None = None

    @classmethod
    def of(
        cls,
        cohort: Cohort,
        topology: Topology,
        experiment: Experiment,
        split: Split,
        start: Start | None = None,
    ) -> Round:
        """Prepare the training side; raises `ConfigError` where it can answer no question."""
        prepared = prepare(cohort.take(split.train_rows), topology, experiment, start)
        return cls(prepared, cohort.take(split.test_rows), experiment)

    def answers(self, model: str, on_epoch: OnEpoch) -> Answers:
        """Answers of a model for the held-out samples, everything fitted on the others."""
        training_set, topology, _ = self.prepared
        return control_answers(model, training_set, topology, self.experiment, self.test, on_epoch)

    def table(self, model: str) -> pd.DataFrame:
        """The same as rows, see `answer_table`; with a column ``scored_on`` where samples are asked so."""
        answers = self.answers(model, lambda epoch: None)
        table = answer_table(answers, self.test)
        if self.scored_on is None:
            return table
        return table.assign(scored_on=np.tile(self.scored_on, len(answers)))

    def key(self, model: str) -> str:
        """SHA-256 over all that the answers of a model rest on, hexadecimal.

        A baseline's is over the numbers it reads: neither the network's settings nor the graph play a part.
        """
        training_set, experiment = self.prepared.training_set, self.experiment
        tasks, layout = experiment.tasks, training_set.layout
        digest = hashlib.sha256()
        _add(digest, [model, experiment.seed, tasks.horizons_days, layout.binary, list(layout.timed)])
        _add(digest, [training_set.cohort.patient_ids.tolist(), self.test.sample_ids.tolist()])
        for values in _labels(training_set.cohort.endpoints, layout.binary, tuple(layout.timed)):
            digest.update(values.tobytes())
        parts = self._baseline_parts(model) if model in BASELINES else self._network_parts(model)
        for part in parts:
            digest.update(part) if isinstance(part, bytes) else _add(digest, part)
        return digest.hexdigest()

    def _baseline_parts(self, model: str) -> Iterator[Any]:
        training_set, topology, _ = self.prepared
        yield BASELINE_VERSION
        for read in baseline_inputs(model, training_set, topology, self.test):
            yield [read.shape]
            yield read.tobytes()

    def _network_parts(self, model: str) -> Iterator[Any]:
        training_set, topology, _ = self.prepared
        _, graph, experiment = lesson_of(model, Lesson(training_set, topology, self.experiment))
        sections = (
            experiment.network,
            experiment.training,
            experiment.features,
            experiment.tasks,
            experiment.calibration,
        )
        start = training_set.start
        yield [
            None if start is None else start.pretrained.sha256,
            code_sha256(*NETWORK_CODE),
            graph.sha256,
            *(section.model_dump(mode="json") for section in sections),
        ]
        for batch in (training_set.batch, training_set.transform.apply(self.test)):
            yield from _batch_parts(batch)


def answer_table(answers: Answers, test: Cohort) -> pd.DataFrame:
    """Answers as rows of `ANSWER_COLUMNS`; samples are hashed, see `hashed`."""
    samples = hashed(test.sample_ids)
    tables = [
        pd.DataFrame(
            {"sample": samples, "endpoint": asked.endpoint, "horizon_days": asked.horizon_days},
        ).assign(probability=probability)
        for asked, probability in answers.items()
    ]
    return pd.concat(tables, ignore_index=True)[list(ANSWER_COLUMNS)]


def gathered(tables: list[pd.DataFrame], sample_ids: NDArray[np.str_]) -> dict[Question, NDArray[np.float64]]:
    """Question -> probability of each sample of a cohort, NaN where no table answers it, shape (N,).

    Raises
    ------
    ConfigError
        If a sample is answered twice.
    """
    table = pd.concat(tables, ignore_index=True)
    if table.duplicated(["sample", "endpoint", "horizon_days"]).any():
        raise ConfigError(
            "a sample is predicted twice by one model", do="Split into parts that do not overlap."
        )
    order = hashed(sample_ids)
    answers = {}
    for endpoint, horizon in dict.fromkeys(zip(table["endpoint"], table["horizon_days"], strict=True)):
        rows = table[(table["endpoint"] == endpoint) & (table["horizon_days"] == horizon)]
        probability = rows.set_index("sample")["probability"].reindex(order)
        answers[Question(endpoint, horizon)] = probability.to_numpy(np.float64)
    return answers


def hashed(sample_ids: NDArray[np.str_]) -> list[str]:
    """Sixteen hexadecimal digits that stand for each sample; the id cannot be read off, but can be tried."""
    return [hashlib.sha256(f"{OUTER_SALT}\0{sample}".encode()).hexdigest()[:16] for sample in sample_ids]


def _labels(
    endpoints: pd.DataFrame, binary: tuple[str, ...], timed: tuple[str, ...]
) -> Iterator[NDArray[np.float64]]:
    dated = [column for name in timed for column in (time_column(name), event_column(name))]
    for column in (*binary, *dated):
        yield endpoints[column].to_numpy(np.float64)


def _batch_parts(batch: Batch) -> Iterator[Any]:
    for assay, entry in batch.assays.items():
        yield [str(assay), entry.values.shape]
        yield entry.values.tobytes()
        yield entry.measured.tobytes()
    yield [batch.flat.shape]
    yield batch.flat.tobytes()


def _add(digest: hashlib._Hash, value: object) -> None:
    digest.update(json.dumps(value, default=str).encode() + b"\0")
