"""Published clinical scores of response beside the model's answer, where their inputs are there."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from metarisk.data.cohort import Cohort
from metarisk.models.bundle import ModelBundle
from metarisk.models.training_summary import TrainingSummary
from metarisk.report.patient.facts import ClinicalScore
from metarisk.report.patient.words import percent
from metarisk.train.published.scores import SCORES

# Score -> name, unit.
TITLES = {
    "tmb": ("Tumour mutational burden", "mutations per Mb"),
    "pdl1_percent": ("PD-L1, stained", "% of cells"),
    "loris": ("LORIS, pan-cancer", "probability, 0 to 1"),
    "loris_nsclc": ("LORIS, lung cancer", "probability, 0 to 1"),
    "gep": ("T-cell-inflamed profile, 18 genes", "mean standardised rank"),
    "ifng": ("Interferon gamma, 6 genes", "mean standardised rank"),
    "cd8a": ("CD8A expression", "standardised rank"),
    "pdl1": ("PD-L1 (CD274) expression", "standardised rank"),
}
LOG_ODDS = ("loris", "loris_nsclc")
COLUMNS = {"tmb": "tmb_per_mb", "pdl1_percent": "pdl1_percent"}
BLOOD = {"albumin_g_per_dl": "albumin", "nlr": "neutrophil to lymphocyte ratio"}


def scores_of(bundle: ModelBundle, one: Cohort) -> tuple[ClinicalScore, ...]:
    """Scores of response of a single sample, those without their inputs too; empty if it is not answered."""
    if "response" not in bundle.ensemble.plan.layout.binary:
        return ()
    return tuple(_score(name, bundle.reference.summary, one) for name in TITLES)


def _score(name: str, summary: TrainingSummary, one: Cohort) -> ClinicalScore:
    title, unit = TITLES[name]
    value = float(SCORES[name].of(one)[0])
    if np.isnan(value):
        return ClinicalScore(name, title, None, unit, SCORES[name].reads, "")
    if name in LOG_ODDS:
        return ClinicalScore(
            name, title, round(float(expit(value)), 4), unit, SCORES[name].reads, _filled(one)
        )
    standing = standing_of(summary, COLUMNS.get(name, ""), value)
    return ClinicalScore(name, title, round(value, 4), unit, SCORES[name].reads, standing)


def _filled(one: Cohort) -> str:
    """Which blood values a formula took at its authors' constants."""
    row = one.clinical.iloc[0]
    absent = [told for name, told in BLOOD.items() if name not in row.index or row.isna()[name]]
    return f"{' and '.join(absent)} unknown: taken at the authors' constant" if absent else ""


def standing_of(summary: TrainingSummary, column: str, value: float) -> str:
    """Where a number stands among the training patients, in words; empty text where nothing is kept."""
    known = next((told for told in summary.of("number") if told.name == column), None)
    if known is None or not known.cuts or not sum(known.counts):
        return ""
    cell = int(np.searchsorted(known.cuts, value, side="right"))
    below, whole = sum(known.counts[:cell]), sum(known.counts)
    if cell == len(known.cuts):
        return f"among the highest {percent(known.counts[-1] / whole)} of training patients"
    if cell == 0:
        return f"among the lowest {percent(known.counts[0] / whole)} of training patients"
    above = sum(known.counts[cell + 1 :])
    return f"above {percent(below / whole)} and below {percent(above / whole)} of training patients"
