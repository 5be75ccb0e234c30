"""Units of every assay: a sound table passes, and one in another unit is named."""

from __future__ import annotations

import numpy as np
import pytest

from metarisk.data import unit_guess
from metarisk.data.unit_guess import guess_units
from metarisk.data.units import LOOKS, RANGES, check_range, check_unit
from metarisk.schema.assays import ASSAYS

N, G = 12, 60
SAMPLES = np.array([f"S{n}" for n in range(N)])
RANDOM = np.random.default_rng(11)

RATIO = np.exp2(RANDOM.normal(0.0, 0.4, size=(N, G)))
BETA = RANDOM.beta(0.6, 0.8, size=(N, G))
TPM = RANDOM.gamma(0.5, 200.0, size=(N, G))
Z = RANDOM.normal(size=(N, G))
LEVELS = RANDOM.choice([-2.0, -1.5, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0], size=(N, G))
COPIES = RANDOM.choice([0.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 6.0], size=(N, G))
CALLS = RANDOM.choice([0.0, 0.0, 0.0, 1.0], size=(N, G))
SHARES = RANDOM.dirichlet(np.ones(G) * 0.2, size=N)

# Of every unit of every assay a table that is in it.
SOUND = {
    "calls": CALLS,
    "discrete": LEVELS,
    "log2_ratio": np.log2(RATIO),
    "log2_tpm": np.log2(TPM + 1),
    "log2_fpkm": np.log2(TPM + 1),
    "log2_rsem": np.log2(TPM + 1),
    "log2_cpm": np.log2(TPM + 1),
    "log2_counts": np.log2(np.rint(TPM) + 1),
    "log2_nanostring": np.log2(TPM + 1),
    "log2_intensity": np.log2(TPM * 8 + 1),
    "log2_rpm": np.log2(TPM + 1),
    "tpm": TPM,
    "counts": np.rint(TPM),
    "z_score": Z,
    "beta": BETA,
    "m_value": np.log2((BETA + 0.01) / (1.01 - BETA)),
    "score": Z * 0.3 + 1,
    "fraction": SHARES,
}


def told(values: np.ndarray, unit: str) -> str:
    return "\n".join(map(str, check_unit(values.astype(np.float32), unit, SAMPLES, "x.tsv")))


def test_every_unit_of_every_assay_has_a_sound_table_that_passes():
    units = {unit for spec in ASSAYS.values() for unit in spec.units}
    assert set(SOUND) == units
    assert {unit: told(SOUND[unit], unit) for unit in units} == dict.fromkeys(units, "")
    assert units - set(LOOKS) - set(RANGES) == {"score"}


@pytest.mark.parametrize(
    ("values", "declared", "guess"),
    [
        (LEVELS, "log2_ratio", "discrete levels"),
        (np.log2(RATIO), "discrete", "log2 ratios"),
        (RATIO, "log2_ratio", "ratios or log2(ratio + 1)"),
        (np.log2(RATIO + 1), "log2_ratio", "ratios or log2(ratio + 1)"),
        (COPIES, "log2_ratio", "absolute copy numbers"),
        (COPIES, "discrete", "absolute copy numbers"),
        (np.minimum(COPIES, 2.0), "discrete", "absolute copy numbers"),
        (RATIO, "discrete", "ratios or log2(ratio + 1)"),
        (SOUND["m_value"], "beta", "M-values"),
        (BETA * 100, "beta", "percent"),
        (BETA, "m_value", "beta values"),
        (SHARES * 100, "fraction", "percent"),
        (np.rint(SHARES * 5000), "fraction", "counts"),
        (Z, "fraction", "z-scores"),
        (np.rint(CALLS * 3), "calls", "counts of mutations"),
        (CALLS * 0.4, "calls", "allele fractions"),
        (LEVELS, "calls", "discrete levels"),
        (np.rint(TPM), "score", "counts"),
        (np.rint(TPM), "tpm", "counts"),
        (np.rint(TPM), "log2_tpm", "counts"),
        (TPM, "log2_rsem", "linear values (TPM or FPKM)"),
        (TPM, "log2_rpm", "linear values (TPM or FPKM)"),
        (TPM, "counts", "linear values (TPM or FPKM)"),
        (TPM, "log2_intensity", "linear values (TPM or FPKM)"),
        (Z, "log2_tpm", "z-scores"),
        (Z, "log2_rpm", "z-scores"),
        (Z, "counts", "z-scores"),
        (np.rint(TPM), "log2_counts", "counts"),
        (SOUND["log2_counts"], "counts", "log2 values"),
        (SOUND["log2_tpm"], "z_score", "log2 values"),
        (SOUND["log2_tpm"], "tpm", "log2 values"),
        (np.log2(SOUND["log2_tpm"] + 1), "log2_tpm", "values logged twice"),
    ],
)
def test_a_table_in_another_unit_is_named(values, declared, guess):
    assert f"look like {guess}" in told(values, declared)


def test_no_message_holds_a_value():
    assert "7.25" not in told(np.where(BETA > 0.5, 7.25, BETA), "beta")


def test_a_slip_is_out_of_range_and_no_other_unit():
    values = BETA.copy()
    values[3, 5] = 7.0
    message = told(values, "beta")
    assert "1 values are out of range; beta values lie in 0..1 (samples S3)" in message
    assert "look like" not in message


def test_unmeasured_tables_and_diploid_ones_say_nothing():
    assert told(np.full((N, G), np.nan), "log2_ratio") == ""
    assert told(np.zeros((N, G)), "log2_ratio") == ""
    assert told(np.zeros((N, G)), "discrete") == ""


def test_a_value_is_in_its_range_or_not_whatever_else_is_in_the_table():
    alone = check_range(np.array([[2.0]], dtype=np.float32), "discrete", SAMPLES[:1], "x.tsv")
    assert alone == []
    many = np.full((N, G), 2.0, dtype=np.float32)
    assert check_range(many, "discrete", SAMPLES, "x.tsv") == []
    assert "look like absolute copy numbers" in told(many, "discrete")


def test_samples_are_judged_alike_a_few_at_a_time(monkeypatch):
    mixed = np.concatenate([TPM, np.log2(TPM + 1), Z, np.rint(TPM), np.full((2, G), np.nan)]).astype(
        np.float32
    )
    whole = guess_units(mixed)
    monkeypatch.setattr(unit_guess, "SAMPLES_AT_A_TIME", 5)
    assert guess_units(mixed) == whole
    assert len(set(whole)) == 5
