"""What the model would answer if circuits were turned down, drugs put upon targets, or genes knocked out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from metarisk.data.cohort import Cohort
from metarisk.explain.estimates import estimate
from metarisk.explain.interventions import STATES, Effect
from metarisk.explain.perturbations import Library, Perturbation
from metarisk.explain.screen import Moves, screen
from metarisk.models.bundle import ModelBundle
from metarisk.models.conformal import EVER, Asked
from metarisk.report.patient.facts import Answer, Part, WhatIf

EACH = 3  # perturbations of an answer
LEAST = 0.001  # change of a probability; less is no change
KNOCKED_OUT = 12  # genes, of those that push the answers most


def what_if_of(
    bundle: ModelBundle, one: Cohort, answers: Sequence[Answer], parts: Sequence[Part]
) -> tuple[WhatIf, ...]:
    """The perturbations that move the main answers most, those that the ensemble is sure of first.

    Every circuit is turned down, every class of drugs put upon its targets, and the genes that push the
    answers most are knocked out.
    """
    asked = _perturbations(bundle, parts)
    if not asked:
        return ()
    moves = screen(bundle, one, asked)
    return tuple(found for question in _main(moves, answers) for found in _strongest(moves, asked, question))


def _perturbations(bundle: ModelBundle, parts: Sequence[Part]) -> list[Perturbation]:
    scales = bundle.transform.scales
    readable = frozenset(gene for assay, scale in scales.items() if assay in STATES for gene in scale.genes)
    library = Library(bundle.topology, readable)
    strong = sorted((part for part in parts if part.assay), key=lambda part: -abs(part.share))
    genes = [name for name in dict.fromkeys(part.name for part in strong) if name in readable]
    knocked = [library.named(gene, Effect.KNOCK_OUT) for gene in genes[:KNOCKED_OUT]]
    return [*library.therapy_screen(), *library.circuit_screen(Effect.KNOCK_DOWN), *knocked]


def _main(moves: Moves, answers: Sequence[Answer]) -> Iterator[int]:
    """Places of the answers shown: first event by the last horizon, likeliest organ, response."""
    asked = moves.reader.asked
    last = max((one.horizon_days for one in asked), default=EVER)
    dated = [at for at, one in enumerate(asked) if one.horizon_days == last != EVER and _is_first(one)]
    organs = {
        f"site.{answer.target}": answer.value for answer in answers if answer.task == "site" and answer.value
    }
    organ = max(organs, key=lambda name: organs[name] or 0.0, default="")
    yield from dated[:1]
    latest = {EVER, last}
    of_organ = (at for at, one in enumerate(asked) if one.endpoint == organ and one.horizon_days in latest)
    yield from islice((at for at in of_organ if asked[at].cause in {"", organ}), 1)
    yield from (at for at, one in enumerate(asked) if one.endpoint == "response")


def _is_first(one: Asked) -> bool:
    return not one.endpoint.startswith("site.") and one.cause in {
        "metastasis",
        "progression_or_death",
        "death",
    }


def _strongest(moves: Moves, asked: Sequence[Perturbation], question: int) -> Iterator[WhatIf]:
    change = estimate(moves.change, moves.fold_change, moves)
    value, lower, upper = (part[:, question] for part in (change.value, change.fit_lower, change.fit_upper))
    sure = np.nan_to_num(np.sign(lower) == np.sign(upper))
    order = np.lexsort((-np.abs(np.nan_to_num(value)), ~sure.astype(bool)))
    kept = [at for at in order.tolist() if np.abs(value[at]) >= LEAST][:EACH]
    one = moves.reader.asked[question]
    answer = one.endpoint if one.horizon_days == EVER else f"{one.endpoint}@{one.horizon_days:g}"
    for at in kept:
        yield WhatIf(
            answer,
            asked[at].kind,
            asked[at].name,
            asked[at].title,
            round(float(moves.baseline[question, 0]), 6),
            round(float(value[at]), 6),
            _known(lower[at]),
            _known(upper[at]),
            asked[at].source,
        )


def _known(bound: float) -> float | None:
    return None if np.isnan(bound) else round(float(bound), 6)
