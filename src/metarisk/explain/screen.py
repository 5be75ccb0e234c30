"""Many perturbations of many samples: how far each moves every answer of every sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metarisk.data.cohort import Cohort
from metarisk.errors import InputError, LimitError
from metarisk.explain.answers_read import AnswerReader, DoubleArray, FloatArray, log_odds
from metarisk.explain.changes import Changer
from metarisk.explain.local_walk import MemberWalk
from metarisk.explain.perturbations import Perturbation
from metarisk.features.batch import Batch
from metarisk.models.bundle import ModelBundle
from metarisk.models.ensemble import tensors
from metarisk.models.limits import reasons_to_abstain
from metarisk.models.network import Network

SAMPLES_AT_A_TIME = 128
# Bytes of the members' outputs that are held at a time, and of all changes.
HELD, MOST = 16 << 20, 1 << 30
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Moves:
    """What Q perturbations do to A answers of N samples.

    Attributes
    ----------
    reader
        The A questions, and K folds.
    cohort
        The N samples: those of the input that the model answers.
    baseline
        Probabilities before, shape (A, N).
    change, shift
        Change of the probability, and of its log odds, NaN where no target was measured, (Q, A, N) each.
    fold_change, fold_shift
        The same of each fold's members alone, mean over patients, shape (Q, K, A) each.
    graph_share
        Share of the movement that came through the graph, 0 .. 1, NaN where nothing moved, shape (Q, A).
    measured
        Targets that were measured of each sample, shape (Q, N).
    left_out
        Reason -> samples of the input that the model does not answer.
    """

    reader: AnswerReader
    cohort: Cohort
    baseline: DoubleArray
    change: FloatArray
    shift: FloatArray
    fold_change: DoubleArray
    fold_shift: DoubleArray
    graph_share: DoubleArray
    measured: NDArray[np.int32]
    left_out: dict[str, int]

    @property
    def weight(self) -> DoubleArray:
        """One over the samples that a patient has, so that patients count alike, shape (N,)."""
        return patient_weights(self.cohort.patient_ids)

    def mean(self, values: FloatArray) -> DoubleArray:
        """Mean over patients of values (Q, A, N), those of samples not measured left out, shape (Q, A)."""
        known = ~np.isnan(values)
        total = np.einsum("qan,n->qa", np.where(known, values, 0.0), self.weight)
        weight = np.einsum("qan,n->qa", known, self.weight)
        return np.asarray(np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0))


def patient_weights(patient_ids: NDArray[np.str_]) -> DoubleArray:
    """One over the samples that each sample's patient has, shape (N,)."""
    _, patient, counts = np.unique(patient_ids, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[patient])


def screen(
    bundle: ModelBundle, cohort: Cohort, perturbations: Sequence[Perturbation], told: Told | None = None
) -> Moves:
    """Perturb every sample in every way.

    Each sample is its own control: a change is the model's answer to the sample as perturbed minus its answer
    to the sample as measured. Only what a perturbation reaches is worked on anew, see
    `metarisk.explain.local_walk`.

    Parameters
    ----------
    bundle
        The model.
    cohort
        Samples; those that the model does not answer are left out.
    perturbations
        What is done, Q of them.
    told
        Told the stage, how far it is, and of how much.

    Raises
    ------
    InputError
        If the model answers none of the samples.
    LimitError
        If the changes would not fit into 1 GB; tables of them take as much again for a while.
    """
    batch = bundle.transform.apply(cohort)
    reasons = reasons_to_abstain(bundle, cohort, batch, bundle.reference.judge(batch))
    rows = np.flatnonzero(reasons == "")
    left_out = {str(name): int((reasons == name).sum()) for name in np.unique(reasons[reasons != ""])}
    if not len(rows):
        raise InputError(
            f"the model answers none of the {len(cohort)} samples ({', '.join(left_out)})",
            expected="a sample that it may be asked about",
            do="Score them to see what each lacks.",
        )
    reader = AnswerReader(bundle)
    moves = _empty(reader, cohort.take(rows), len(perturbations), left_out)
    kept = batch.take(rows)
    total, done = len(perturbations) * len(rows), 0
    outputs = bundle.ensemble.answers(kept)["outputs"]
    moves.baseline[:] = reader.read(outputs)[0]
    sums = _Sums(moves)
    for start in range(0, len(rows), SAMPLES_AT_A_TIME):
        block = np.arange(start, min(start + SAMPLES_AT_A_TIME, len(rows)))
        work = _Block(bundle, reader, kept.take(block), outputs[:, block])
        for some in _chunks(perturbations, outputs[:, block].nbytes):
            _fill(sums, work, (perturbations, some, block))
            done += len(some) * len(block)
            if told is not None:
                told("perturbing", done, total)
    sums.finish()
    return moves


class _Part(NamedTuple):
    """What some perturbations do to some samples.

    Attributes
    ----------
    outputs
        Of the members, shape (q, M, n, O).
    graph, direct
        Size of what came through the graph and past it, summed over members, shape (q, n, O) each.
    measured
        Targets measured, shape (q, n).
    """

    outputs: FloatArray
    graph: FloatArray
    direct: FloatArray
    measured: NDArray[np.int32]


class _Block:
    """Some samples, and what is done to them.

    Parameters
    ----------
    bundle, reader
        The model and its questions.
    batch
        Features of n samples.
    outputs
        Of the members as measured, shape (M, n, O).
    """

    def __init__(self, bundle: ModelBundle, reader: AnswerReader, batch: Batch, outputs: FloatArray) -> None:
        self.bundle, self.reader, self.batch, self.outputs = bundle, reader, batch, outputs
        self.changer = Changer(bundle.transform, batch)
        before = reader.read(outputs)
        self.before, self.odds_before = before, log_odds(before)

    def part(self, perturbations: Sequence[Perturbation]) -> _Part:
        """Walk every member over every perturbation."""
        changes = [self.changer.change(perturbation) for perturbation in perturbations]
        outputs = np.repeat(self.outputs[None], len(changes), axis=0)
        size = (len(changes), *self.outputs.shape[1:])
        graph, direct = np.zeros(size, np.float32), np.zeros(size, np.float32)
        assays, flat = tensors(self.batch, torch.device("cpu"))
        for place, member in enumerate(self.bundle.ensemble.networks):
            walk = _walk(member, assays, flat)
            for at, change in enumerate(changes):
                if change.moves:
                    through, past = walk.moved(change.cells, change.table)
                    outputs[at, place] += (through + past).numpy()
                    graph[at] += through.abs().numpy()
                    direct[at] += past.abs().numpy()
        return _Part(outputs, graph, direct, np.stack([change.measured for change in changes]))

    def read(self, part: _Part) -> tuple[DoubleArray, DoubleArray]:
        """Change of probabilities and of log odds, ensemble and folds, shape (q, 1 + K, A, n) each."""
        count, members, n_samples, n_outputs = part.outputs.shape
        rows = part.outputs.transpose(1, 0, 2, 3).reshape(members, count * n_samples, n_outputs)
        answers = self.reader.read(rows)  # (1 + K, A, q n)
        answers = answers.reshape(*answers.shape[:2], count, n_samples).transpose(2, 0, 1, 3)
        return answers - self.before, log_odds(answers) - self.odds_before


def _walk(member: Network, assays: dict[str, Tensor], flat: Tensor) -> MemberWalk:
    return MemberWalk(member.eval(), assays, flat)


class _Sums:
    """Adds blocks of samples up to the means over patients that `Moves` holds."""

    def __init__(self, moves: Moves) -> None:
        self.moves, self.weight = moves, moves.weight
        self.through = np.zeros((2, *moves.graph_share.shape))
        self.weighed = np.zeros(len(moves.change))

    def add(
        self,
        some: NDArray[np.intp],
        block: NDArray[np.intp],
        part: _Part,
        read: tuple[DoubleArray, DoubleArray],
    ) -> None:
        """Enter what some perturbations do to a block of samples."""
        moves, known = self.moves, part.measured > 0  # (q, n)
        weight = known * self.weight[block]
        moves.measured[some[:, None], block] = part.measured
        self.weighed[some] += weight.sum(axis=1)
        for values, each, folds in zip(
            read, (moves.change, moves.shift), (moves.fold_change, moves.fold_shift), strict=True
        ):
            each[some[:, None], :, block] = np.where(known[:, None], values[:, 0], np.nan).transpose(0, 2, 1)
            folds[some] += np.einsum("qkan,qn->qka", values[:, 1:], weight)
        for place, size in enumerate((part.graph, part.direct)):
            self.through[place, some] += size[..., moves.reader.columns].sum(axis=1)

    def finish(self) -> None:
        """Turn sums into means."""
        moves = self.moves
        with np.errstate(invalid="ignore", divide="ignore"):
            moves.fold_change[:] /= self.weighed[:, None, None]
            moves.fold_shift[:] /= self.weighed[:, None, None]
            moves.graph_share[:] = self.through[0] / self.through.sum(axis=0)


def _fill(
    sums: _Sums, work: _Block, what: tuple[Sequence[Perturbation], NDArray[np.intp], NDArray[np.intp]]
) -> None:
    perturbations, some, block = what
    part = work.part([perturbations[at] for at in some])
    sums.add(some, block, part, work.read(part))


def _chunks(perturbations: Sequence[Perturbation], bytes_each: int) -> Iterator[NDArray[np.intp]]:
    """Places of the perturbations, as many at a time as fit."""
    size = max(1, HELD // max(bytes_each, 1))
    for start in range(0, len(perturbations), size):
        yield np.arange(start, min(start + size, len(perturbations)))


def _empty(reader: AnswerReader, cohort: Cohort, count: int, left_out: dict[str, int]) -> Moves:
    n_asked, n_samples = len(reader.asked), len(cohort)
    if 2 * 4 * count * n_asked * n_samples > MOST:
        raise LimitError(
            f"{count} perturbations of {n_samples} samples and {n_asked} answers are over 1 GB of changes",
            expected=f"at most {MOST // (8 * count * n_asked)} samples for so many",
            do="Name fewer with --samples, or perturb fewer genes.",
        )
    change = np.full((count, n_asked, n_samples), np.nan, np.float32)
    folds = np.zeros((count, reader.folds, n_asked))
    return Moves(
        reader,
        cohort,
        np.empty((n_asked, n_samples)),
        change,
        change.copy(),
        folds,
        folds.copy(),
        np.full((count, n_asked), np.nan),
        np.zeros((count, n_samples), np.int32),
        left_out,
    )
