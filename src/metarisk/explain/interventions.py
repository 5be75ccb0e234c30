"""What a knock-out, a knock-down and an activation are to each assay, as states of what it measures."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metarisk.features.standardise import CLIP, HIGHEST_LEVEL
from metarisk.schema.assays import ASSAYS, Assay

FloatArray = NDArray[np.float32]


class Effect(StrEnum):
    """What is done to a gene."""

    KNOCK_OUT = "knock_out"
    KNOCK_DOWN = "knock_down"
    ACTIVATE = "activate"

    @property
    def opposite(self) -> Effect:
        """What moves a gene the other way."""
        return Effect.KNOCK_DOWN if self is Effect.ACTIVATE else Effect.ACTIVATE


class State(NamedTuple):
    """State of one channel after an intervention, on the scale of the transform; NaN bounds nothing.

    Attributes
    ----------
    least, most
        A value below ``least`` is raised to it, one above ``most`` lowered to it; equal, they set it. So an
        intervention never moves a sample that is beyond its state already the wrong way.
    """

    least: float = np.nan
    most: float = np.nan

    def of(self, values: FloatArray) -> FloatArray:
        """Values after the intervention, shape as given."""
        return np.fmin(np.fmax(values, np.float32(self.least)), np.float32(self.most))


def _set(value: float) -> State:
    return State(value, value)


# The 5 % and 95 % quantile of the training samples, whose mean and deviation the transform has made 0 and 1.
LOW, HIGH = -1.645, 1.645
KEPT = State()
Channels = Mapping[str, State]

_LEVEL: Mapping[Effect, Channels] = {
    Effect.KNOCK_OUT: {"level": _set(-CLIP)},
    Effect.KNOCK_DOWN: {"level": State(most=LOW)},
    Effect.ACTIVATE: {"level": State(least=HIGH)},
}
# How each assay that measures genes shows an intervention; a channel that is not named stays as it is.
#
# expression,   knock-out: the lowest value that the transform lets through (4 deviations below the training
# microRNA,     mean). Knock-down: at most the 5 % quantile of training. Activation: at least the 95 %.
# protein
# methylation   The mark of silencing, so the other way round: at least the 95 % quantile for a knock-out or
#               a knock-down, at most the 5 % for an activation. Inside a gene's body it can mean the reverse.
# copy number   knock-out: both copies lost (-2); knock-down: one at least (-1); activation: amplified (2).
# mutation      knock-out: a truncating mutation, none that could activate. Knock-down: what might activate
#               is undone, a loss stays. Activation: no truncation and a missense mutation; at a hotspot where
#               training knew recurrent ones of this gene.
# fusion        knock-out and knock-down: none. Activation leaves it: which partner would be made up.
#
# Signatures, metabolites and cell fractions are not of genes, and clinical numbers that sum up the genome
# (mutations per Mb, altered fraction) are not counted anew: they stay as measured.
STATES: Mapping[Assay, Mapping[Effect, Channels]] = {
    Assay.EXPRESSION: _LEVEL,
    Assay.MICRORNA: _LEVEL,
    Assay.PROTEIN: _LEVEL,
    Assay.METHYLATION: {
        Effect.KNOCK_OUT: {"level": State(least=HIGH)},
        Effect.KNOCK_DOWN: {"level": State(least=HIGH)},
        Effect.ACTIVATE: {"level": State(most=LOW)},
    },
    Assay.COPY_NUMBER: {
        Effect.KNOCK_OUT: {"level": _set(-HIGHEST_LEVEL)},
        Effect.KNOCK_DOWN: {"level": State(most=-1.0)},
        Effect.ACTIVATE: {"level": State(least=HIGHEST_LEVEL)},
    },
    Assay.MUTATION: {
        Effect.KNOCK_OUT: {
            "truncating": _set(1.0),
            "missense": _set(0.0),
            "in_frame": _set(0.0),
            "hotspot": _set(0.0),
        },
        Effect.KNOCK_DOWN: {"missense": _set(0.0), "in_frame": _set(0.0), "hotspot": _set(0.0)},
        Effect.ACTIVATE: {"truncating": _set(0.0), "missense": _set(1.0), "hotspot": _set(1.0)},
    },
    Assay.FUSION: {
        Effect.KNOCK_OUT: {"present": _set(0.0)},
        Effect.KNOCK_DOWN: {"present": _set(0.0)},
        Effect.ACTIVATE: {},
    },
}
HOTSPOT = "hotspot"


def after(assay: Assay, effect: Effect, values: FloatArray, *, hotspot: bool) -> FloatArray:
    """Standardised values of one gene after an intervention.

    Parameters
    ----------
    assay
        What measured it: an assay of `STATES`.
    effect
        What is done to it.
    values
        Before, shape (N, C).
    hotspot
        Whether training knew recurrent hotspots of the gene.

    Returns
    -------
    ndarray
        Shape (N, C).
    """
    states = STATES[assay][effect]
    changed = values.copy()
    for place, channel in enumerate(ASSAYS[assay].channels):
        if channel == HOTSPOT and effect is Effect.ACTIVATE and not hotspot:
            continue
        changed[:, place] = states.get(channel, KEPT).of(values[:, place])
    return changed
