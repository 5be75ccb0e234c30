"""Flags, sets, questions and numbers in the words of a reader who is no programmer."""

from __future__ import annotations

from collections.abc import Mapping

from metarisk.schema.endpoints import DAYS_PER_MONTH, DAYS_PER_YEAR

SETS: Mapping[str, str] = {
    "yes": "expects it: “no” is ruled out",
    "no": "does not expect it: “yes” is ruled out",
    "yes or no": "cannot rule out either",
    "none": "fits neither: unlike training patients with it and without it",
    "": "",
}
TARGETS: Mapping[str, str] = {
    "metastasis": "first metastasis",
    "death": "death before it",
    "progression_or_death": "progression or death",
    "intra_abdominal": "abdomen (peritoneum, omentum)",
    "lymph_node": "lymph node",
    "female_genital": "female genital",
    "male_genital": "male genital",
    "head_and_neck": "head and neck",
    "biliary_tract": "biliary tract",
    "nervous_system": "peripheral nerves",
    "response": "response",
    "metastatic": "metastatic at any time",
    "emt": "EMT",
    "regulatory_t_cells": "regulatory T cells",
    "t_cell_exclusion": "T-cell exclusion",
    "anti_pd1_pdl1": "anti-PD-1/PD-L1",
    "anti_ctla4": "anti-CTLA-4",
    "combination": "combination of checkpoint inhibitors",
    "microrna": "microRNA",
}
ABSTAINED: Mapping[str, str] = {
    "not-trained": "the model was not trained on this question",
    "nothing-measured": "nothing that the model reads was measured",
    "never-met": "the model never met this {}",
    "far-outside": "{} lies far beyond every training patient",
    "out-of-distribution": "the sample is too unlike the training patients",
    "undecided": "the model cannot rule out either answer, and is set to hold such answers back",
}
FLAGS: Mapping[str, str] = {
    "missing": "{} was not measured: nothing is read of it, and intervals are wider",
    "unit": "{} comes in a unit that training never saw, and is taken for not measured",
    "too-few": "too few of the columns of {} were measured to be read",
    "partial": "under half of what the model reads of {} was measured: intervals are wider",
    "other": "{} has a value that is too rare in training to be told apart",
    "unknown": "{} is not known",
    "outside": "{} lies beyond every training patient and is read as the nearest of theirs",
    "far": "in {} the sample is unlike the training patients",
    "training-patient": "the model was trained on this patient: its answers are not of an unseen patient",
}


TIMES, MINUS = "\u00d7", "\u2212"


def plain(name: str) -> str:
    """A name of ours as words: ``copy_number`` as ``copy number``."""
    return TARGETS.get(name, name.replace("_", " ").removeprefix("extra."))


def capital(text: str) -> str:
    """The same with a capital at its start."""
    return text[:1].upper() + text[1:]


def column_words(name: str) -> str:
    """A clinical column without its unit, which stands beside its value."""
    known = {
        "age_years": "age",
        "tmb_per_mb": "tumour mutational burden",
        "fga": "fraction of genome altered",
        "pdl1_percent": "PD-L1",
        "nlr": "neutrophil to lymphocyte ratio",
        "albumin_g_per_dl": "albumin",
        "hemoglobin_g_per_dl": "haemoglobin",
        "platelets_per_nl": "platelets",
        "therapy_class": "class of therapy",
        "bmi": "body mass index",
    }
    return known.get(name, plain(name))


def flag_words(flag: str) -> str:
    """A flag of a sample as a sentence; one that is not known stands as it is."""
    kind, _, name = flag.partition(":")
    told = FLAGS.get(kind)
    return capital(f"{told.format(column_words(name))}.") if told else flag


def withheld_words(flag: str) -> str:
    """Why there is no answer, as words after "withheld:"."""
    kind, _, name = flag.removeprefix("abstained:").partition(":")
    return ABSTAINED.get(kind, kind).format(column_words(name))


def time_words(days: float) -> str:
    """Days as months or years, the number first."""
    years, months = days / DAYS_PER_YEAR, days / DAYS_PER_MONTH
    if days >= 2 * DAYS_PER_YEAR - 31 and abs(years - round(years)) < 0.03:
        return f"{years:.0f} years"
    return f"{days:.0f} days" if days < 2 * DAYS_PER_MONTH else f"{months:.0f} months"


def percent(value: float) -> str:
    """A probability in per cent, never 0 % or 100 % where it is neither."""
    if 0.0 < value < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < value < 1.0 else f"{100 * value:.0f} %"


def interval(value: float | None, lower: float | None, upper: float | None) -> str:
    """Probability with its 95 % interval: 29 % (9 to 61 %)."""
    if value is None or lower is None or upper is None:
        return "withheld"
    return f"{percent(value)} ({100 * lower:.0f} to {100 * upper:.0f} %)"


def signed(score: float) -> str:
    """A score in training standard deviations, with its sign."""
    return f"{score:+.2f} SD".replace("-", MINUS)


def points(change: float) -> str:
    """A change of a probability in percentage points, with its sign."""
    return f"{100 * change:+.1f}".replace("-", MINUS)
