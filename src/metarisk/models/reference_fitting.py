"""What training patients look like, each measured against a space that was fitted without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from metarisk.config.experiment import Experiment
from metarisk.data.split import patient_folds, patient_fraction
from metarisk.features.batch import Batch
from metarisk.features.standardise import CALLS
from metarisk.features.transform import FeatureTransform
from metarisk.models.base_rates import BaseRates, base_rates, happened, types_of
from metarisk.models.calibration import Calibration
from metarisk.models.conformal import EVER, Asked, DoubleArray
from metarisk.models.ensemble import Ensemble
from metarisk.models.factor_space import MOST_COLUMNS, Distances, FactorSpace, fit_space
from metarisk.models.reference import CLINICAL, DECIMALS, KNEE, Block, Reference, Spread, Tail, columns_of
from metarisk.models.risk import Risks, by_fold, risks
from metarisk.models.set_fitting import HeldOutSamples
from metarisk.models.set_reading import SetReader
from metarisk.models.state_reference import fit_states
from metarisk.models.training_summary import (
    LEAST_CELL,
    Distribution,
    TrainingSummary,
    level_columns,
    levels_in_cells,
    numbers_in_cells,
    question_name,
    yes_or_no,
)
from metarisk.nn.heads import TaskLayout
from metarisk.schema.assays import ASSAYS, Assay
from metarisk.schema.endpoints import task_of

MOST_PATIENTS = 4000  # more say nothing new of the cloud; chosen by a hash of the id
FEWEST_PATIENTS = 30  # fewer are no reference: the block is not judged
MOST_SETS = 64
ROWS_AT_A_TIME = 256
# A call or a category that few patients have is no more than five deviations from those without it.
LEAST_CALL_SCALE, LEAST_SCALE = 0.2, 1e-3
TAIL_DECIMALS, SMALL_COUNTS, STEPS = 3, 20, 80
LEAST_SPREAD = 1e-3
LEAST_SHARE = 0.01  # of the variance of one member's risks that a mean of members keeps


def fit_reference(
    ensemble: Ensemble,
    calibration: Calibration,
    transform: FeatureTransform,
    held_out: HeldOutSamples,
    experiment: Experiment,
) -> Reference:
    """Blocks, tails, summary, rates and states of the training patients, the first sample of each.

    Parameters
    ----------
    ensemble, calibration, transform
        The fitted model.
    held_out
        Training samples with the answers of members that did not train on them; the spaces are fitted over
        the same folds.
    experiment
        Folds, seed and horizons.
    """
    patients = held_out.patient_ids
    fold = patient_folds(patients, experiment.training.folds, f"folds-{experiment.seed}")
    first = np.sort(np.unique(patients, return_index=True)[1])
    chosen = first[np.argsort(patient_fraction(patients[first], "reference"), kind="stable")]
    chosen = np.sort(chosen[:MOST_PATIENTS])
    batch = held_out.batch.take(chosen)
    blocks, tails = fit_blocks(transform, batch, fold[chosen])
    unseen = _unseen(ensemble, calibration, held_out, experiment, first)
    everybody = held_out.batch.take(first)
    answered = _answers(ensemble, calibration, everybody, unseen)
    summary = TrainingSummary(len(first), (*_columns_told(transform, everybody), *answered))
    rates = _rates(ensemble.plan.layout, transform, held_out, first, unseen)
    return Reference(blocks, tails, summary, rates, fit_states(transform, everybody))


def fit_blocks(
    transform: FeatureTransform, batch: Batch, fold: NDArray[np.intp]
) -> tuple[dict[str, Block], dict[str, Tail]]:
    """Blocks, and tails of the strangeness that each patient has in spaces fitted without its fold.

    Parameters
    ----------
    transform
        Whose features they are.
    batch
        One sample a patient, N of them.
    fold
        Of each, shape (N,).
    """
    fitted = {name: _fit_block(name, batch, transform, fold) for name in (CLINICAL, *batch.assays)}
    kept = {str(name): found for name, found in fitted.items() if found is not None}
    blocks = {name: block for name, (block, _) in kept.items()}
    return blocks, _tails({name: strange for name, (_, strange) in kept.items()})


def _fit_block(
    name: str, batch: Batch, transform: FeatureTransform, fold: NDArray[np.intp]
) -> tuple[Block, DoubleArray] | None:
    """A block and each patient's strangeness, NaN where not measured; None if too few have it.

    Columns are chosen anew without each fold: those that vary most in some patients vary less in others.
    """
    weight, least = _weights(name, transform)
    has = columns_of(batch, name, np.flatnonzero(weight > 0.0))[1].any(axis=1)
    if has.sum() < FEWEST_PATIENTS or len(np.unique(fold[has])) < 2:
        return None
    found = np.full((2, len(fold)), np.nan)
    for left_out in np.unique(fold[has]):
        theirs = np.flatnonzero(has & (fold == left_out))
        columns, space = _fit_space(name, batch.take(np.flatnonzero(has & (fold != left_out))), weight, least)
        found[:, theirs] = space.distances(*columns_of(batch.take(theirs), name, columns))
    columns, space = _fit_space(name, batch.take(np.flatnonzero(has)), weight, least)
    if not len(columns):
        return None
    measured = columns_of(batch, name, columns)[1].any(axis=1)
    block = Block(columns, space, _spread(*found[:, measured]))
    return block, np.where(measured, block.spread.strangeness(Distances(*found)), np.nan)


def _fit_space(
    name: str, batch: Batch, weight: DoubleArray, least: DoubleArray
) -> tuple[NDArray[np.int64], FactorSpace]:
    columns = _columns(name, batch, weight)
    return columns, fit_space(*columns_of(batch, name, columns), least[columns])


def _columns(name: str, batch: Batch, weight: DoubleArray) -> NDArray[np.int64]:
    """Most variable columns of a block that enough patients have, ascending, shape (F,)."""
    moments = np.zeros((4, len(weight)))  # sum, sum of squares, measured, not zero
    own = np.flatnonzero(weight > 0.0)
    for start in range(0, len(batch), ROWS_AT_A_TIME):
        part = batch.take(np.arange(start, min(start + ROWS_AT_A_TIME, len(batch))))
        values, measured = columns_of(part, name, own)
        x = np.where(measured, values, 0.0).astype(np.float64)
        moments[:, own] += [x.sum(axis=0), (x * x).sum(axis=0), measured.sum(axis=0), (x != 0.0).sum(axis=0)]
    total, square, count, other = moments
    some = np.maximum(count, 1.0)
    deviation = weight * np.sqrt(np.maximum(square / some - (total / some) ** 2, 0.0))
    # A column that is another value in few patients would tell of them.
    usable = np.flatnonzero((count >= LEAST_CELL) & (other >= LEAST_CELL) & (deviation > LEAST_SCALE))
    ranked = usable[np.lexsort((usable, -deviation[usable]))]
    return np.sort(ranked[:MOST_COLUMNS]).astype(np.int64)


def _weights(name: str, transform: FeatureTransform) -> tuple[DoubleArray, DoubleArray]:
    """Spread of a block's columns before they were standardised, 0 for those not its own; least scale."""
    if name == CLINICAL:
        kinds = np.array([column.kind for column in transform.columns], dtype=str)
        weight = np.isin(kinds, ["number", "category"]).astype(np.float64)
        return weight, np.where(kinds == "category", LEAST_CALL_SCALE, LEAST_SCALE)
    assay = Assay(name)
    channels = len(ASSAYS[assay].channels)
    spread = np.nan_to_num(transform.scales[assay].spread.astype(np.float64), nan=1.0)
    least = LEAST_CALL_SCALE if assay in CALLS or assay is Assay.COPY_NUMBER else LEAST_SCALE
    return np.repeat(spread, channels), np.full(len(spread) * channels, least)


def _spread(within: DoubleArray, outside: DoubleArray) -> Spread:
    near, far = np.quantile(within, [0.5, 0.95])
    low, middle, high = np.quantile(outside, [0.05, 0.5, 0.95])
    above, up, down = (max(float(x), LEAST_SPREAD) for x in (far - near, high - middle, middle - low))
    return Spread(float(near), float(middle), above, up, down)


def _tails(strange: Mapping[str, DoubleArray]) -> dict[str, Tail]:
    """Tail of each block's strangeness, and of the surprise in sets of blocks that enough patients have."""
    tails = {name: tail_of(values[~np.isnan(values)]) for name, values in strange.items()}
    if not strange:
        return tails
    surprise = np.stack([tails[name].surprise(values) for name, values in strange.items()])  # (blocks, N)
    has = ~np.isnan(surprise)
    common = Counter(map(tuple, has.T.tolist()))
    sets = sorted(pattern for pattern, n in common.most_common(MOST_SETS) if n >= LEAST_CELL)
    for pattern in sets:
        chosen = np.array(pattern, dtype=bool)
        theirs = surprise[chosen][:, has[chosen].all(axis=0)]
        if chosen.sum() > 1 and theirs.shape[1] >= FEWEST_PATIENTS:
            name = "+".join(name for name, kept in zip(strange, pattern, strict=True) if kept)
            tails[name] = tail_of(np.round(theirs.max(axis=0), DECIMALS))
    return tails


def tail_of(strange: DoubleArray) -> Tail:
    """Values that so many patients exceed: every small number, then as many steps as tell p-values apart."""
    n, falling = len(strange), np.sort(strange)[::-1]
    steps = np.geomspace(1, n - 1, STEPS).astype(int).tolist()
    factor = 10.0**TAIL_DECIMALS
    fewest: dict[float, int] = {}  # of equal values the last, which the fewest patients exceed
    for count in sorted({*range(min(SMALL_COUNTS, n)), *steps}, reverse=True):
        fewest[float(np.ceil(falling[count] * factor) / factor)] = count
    knee = float(np.ceil(falling[min(KNEE, n - 1)] * factor) / factor)
    excess = max(float(np.maximum(falling[:KNEE] - knee, 0.0).mean()), LEAST_SPREAD)
    return Tail(n, tuple(fewest.values()), tuple(fewest), knee, round(excess, TAIL_DECIMALS))


def _columns_told(transform: FeatureTransform, batch: Batch) -> Iterator[Distribution]:
    at = transform.first_columns()
    for name in transform.numeric:
        values = batch.flat[:, at[name]].astype(np.float64)
        yield numbers_in_cells("number", name, values[~np.isnan(values)])
        yield yes_or_no("known", name, ~np.isnan(values))
    for name, places in level_columns(transform).items():
        hot = batch.flat[:, places]
        counts = np.nan_to_num(hot).sum(axis=0).astype(np.int64)
        yield levels_in_cells(name, transform.levels[name], counts)
        yield yes_or_no("known", name, np.asarray(~np.isnan(hot[:, 0])))
    for assay, entry in batch.assays.items():
        yield yes_or_no("assay", assay.value, np.asarray(entry.measured.any(axis=1)))


def _unseen(
    ensemble: Ensemble,
    calibration: Calibration,
    held_out: HeldOutSamples,
    experiment: Experiment,
    first: NDArray[np.intp],
) -> dict[Asked, DoubleArray]:
    """Question -> risk of each patient by members that did not see it, spread as that of a new one, (n,)."""
    outputs, horizons = held_out.outputs[first], experiment.tasks.horizons_days
    unseen = risks(ensemble, calibration, outputs[None], horizons).asked
    some = held_out.batch.take(first[:MOST_PATIENTS])
    by_member = by_fold(ensemble.answers(some)["outputs"], ensemble.folds)
    apart = risks(ensemble, calibration, by_member, horizons).asked
    return {asked: _as_a_mean(risk[0], apart[asked]) for asked, risk in unseen.items()}


def _answers(
    ensemble: Ensemble, calibration: Calibration, batch: Batch, unseen: Mapping[Asked, DoubleArray]
) -> Iterator[Distribution]:
    """Probabilities and undecided sets of members that did not see the patient, question by question."""
    nothing = np.zeros((len(batch), ensemble.plan.layout.outputs))
    reader = SetReader(calibration.sets, ensemble.plan.layout, calibration.sets.group_of(batch), nothing)
    for asked, risk in unseen.items():
        name = _name(asked)
        if name is None:
            continue
        probability = expit(risk)
        yield numbers_in_cells("answer", name, probability, round(float(probability.mean()), 6))
        kept = reader.kept(asked, Risks({asked: risk[None]}, {}))
        if kept is not None:
            yield yes_or_no("undecided", name, np.asarray(kept.all(axis=1) | ~kept.any(axis=1)))


def _rates(
    layout: TaskLayout,
    transform: FeatureTransform,
    held_out: HeldOutSamples,
    first: NDArray[np.intp],
    unseen: Mapping[Asked, DoubleArray],
) -> tuple[BaseRates, ...]:
    """How often each answer was true, in groups of the training patients."""
    endpoints, types = held_out.endpoints.iloc[first], types_of(transform, held_out.batch.take(first))
    named = ((_name(asked), asked, risk) for asked, risk in unseen.items())
    return tuple(
        base_rates(name, happened(asked, endpoints, layout), types, expit(risk))
        for name, asked, risk in named
        if name is not None
    )


def _as_a_mean(risk: DoubleArray, by_member: DoubleArray) -> DoubleArray:
    """Risks of one member, drawn together until they vary as a mean of all members would, shape (n,).

    A new patient is answered by the mean of K folds' members, which varies less from patient to patient than
    one of them: by their variance about each other times 1 - 1 / K.

    Parameters
    ----------
    risk
        Log odds of members that did not train on the patient, shape (n,).
    by_member
        Of each fold's members for the same patients, or some of them, shape (K, n).
    """
    folds, whole = len(by_member), float(risk.var())
    if folds < 2 or whole == 0.0:
        return risk
    own = float(by_member.var(axis=0, ddof=1).mean()) * (1.0 - 1.0 / folds)
    share = max(1.0 - own / whole, LEAST_SHARE)
    return np.asarray(risk.mean() + np.sqrt(share) * (risk - risk.mean()))


def _name(asked: Asked) -> str | None:
    """Name of a question as a table of scores has it; None for death before an organ, which has no row."""
    task, target = task_of(asked.endpoint)
    own = asked.cause in {"", asked.endpoint}
    if task == "site" and not own:
        return None
    horizon = np.nan if asked.horizon_days == EVER else asked.horizon_days
    # Of metastasis and os the cause is the target; of a dated organ the organ is.
    return question_name(task, target if task == "site" else asked.cause or target, horizon)
