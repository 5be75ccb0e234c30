from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.errors import ConfigError
from metarisk.features.standardise import rank_normalised
from metarisk.nn.heads import TaskLayout
from metarisk.schema.assays import Assay
from metarisk.train.figures import EVER, Question
from metarisk.train.published import RANKS_ONLY, SCORES, score_answers
from metarisk.train.published.expression import IFN_GAMMA, T_CELL_INFLAMED

OTHERS = ("AURKA", "CD8B", *"ABCDEFGH")
GENES = (*T_CELL_INFLAMED, *sorted(set(IFN_GAMMA) - set(T_CELL_INFLAMED)), *OTHERS)
LAYOUT = TaskLayout(("response", "site.liver"), {"os": ("death",)}, {"os": (365.0, 730.0)})


def clinic(rows: int, **columns: Any) -> Cohort:
    """Samples of which only these clinical columns are known."""
    index = pd.Index([f"s{row}" for row in range(rows)], name="sample_id")
    table = pd.DataFrame({"patient_id": index, **columns}, index=index)
    return Cohort(table, {}, pd.DataFrame(index=index), Provenance("made up", "", ""))


def measured(values: Any, names: tuple[str, ...], assay: Assay = Assay.EXPRESSION, unit: str = "") -> Cohort:
    """Samples with one assay."""
    level = np.asarray(values, dtype=np.float32)[..., None]
    cohort = clinic(len(level))
    table = AssayTable(assay, cohort.sample_ids, names, level, np.full(len(level), unit))
    return Cohort(cohort.clinical, {assay: table}, cohort.endpoints, cohort.provenance)


@pytest.fixture(scope="module")
def levels() -> Any:
    return np.random.default_rng(0).lognormal(2.0, 1.0, (6, len(GENES)))


def test_a_z_scored_profile_is_the_published_weighted_sum(levels: Any) -> None:
    z = np.log(levels) - np.log(levels).mean(axis=0)
    by_hand = np.zeros(6)
    for gene, weight in T_CELL_INFLAMED.items():
        by_hand += weight * z[:, GENES.index(gene)]
    score = SCORES["gep"].of(measured(z, GENES, unit="z_score"))
    np.testing.assert_allclose(score, by_hand / sum(map(abs, T_CELL_INFLAMED.values())), rtol=1e-5)


def test_any_absolute_unit_gives_the_same_score_and_other_samples_do_not_matter(levels: Any) -> None:
    for name in ("gep", "ifng", "cd8a", "pdl1", "aurka"):
        score = SCORES[name].of
        plain = score(measured(levels, GENES, unit="tpm"))
        np.testing.assert_array_equal(plain, score(measured(np.log2(levels + 1), GENES, unit="log2_tpm")))
        np.testing.assert_allclose(plain[2:3], score(measured(levels[2:3], GENES, unit="tpm")), rtol=1e-12)


def test_a_gene_is_ranked_among_all_that_its_sample_measured(levels: Any) -> None:
    expected = rank_normalised(levels.astype(np.float32))[:, GENES.index("AURKA")]
    np.testing.assert_allclose(SCORES["aurka"].of(measured(levels, GENES, unit="tpm")), expected, rtol=1e-6)


def test_under_half_of_the_genes_is_no_score(levels: Any) -> None:
    few = levels.copy()
    six = [GENES.index(gene) for gene in IFN_GAMMA]
    few[0, six[:3]], few[1, six[:4]] = np.nan, np.nan
    score = SCORES["ifng"].of(measured(few, GENES, unit="tpm"))
    assert np.isnan(score).tolist() == [False, True, False, False, False, False]
    assert np.isnan(SCORES["gep"].of(measured(levels[:, -10:], GENES[-10:], unit="tpm"))).all()


def test_where_only_sets_are_scored_the_nearest_stands_in() -> None:
    names = ("Ayers_IFNg18", "Ayers_IFNg6", "CD8Tcell_sc", "Target_marker_PDL1")
    sets = measured(np.arange(8.0).reshape(2, 4), names, Assay.SIGNATURE, "z_score")
    for column, name in enumerate(("gep", "ifng", "cd8a", "pdl1")):
        np.testing.assert_allclose(SCORES[name].of(sets), [column, column + 4])
        assert names[column] in RANKS_ONLY[name]
    assert np.isnan(SCORES["aurka"].of(sets)).all()


def lung_patients() -> Cohort:
    """Four: a plain one, one beyond every cap, one without blood counts, one of whom TMB is unknown."""
    return clinic(
        4,
        tmb_per_mb=[10.0, 300.0, 10.0, np.nan],
        albumin_g_per_dl=[4.0, 4.0, np.nan, 4.0],
        nlr=[5.0, 80.0, np.nan, 5.0],
        age_years=[60.0, 93.0, 60.0, 60.0],
        pdl1_percent=[50.0, 0.0, 50.0, 50.0],
        prior_therapy=["no", "yes", "no", "no"],
        cancer_type=["NSCLC", "LUAD", "NSCLC", "NSCLC"],
    )


def test_loris_is_the_published_sum_with_its_caps() -> None:
    # By hand from the formulas of Chang et al. 2024.
    pan = 0.371 + 0.5382 * 4 - 0.033 * 5 + 0.0049 * 60 + 0.0008 - 2.0886
    capped = 0.0371 * 50 - 0.8775 + 0.5382 * 4 - 0.033 * 25 + 0.0049 * 85 + 0.0008 - 2.0886
    unknown = 0.371 + 0.5382 * 3.8 - 0.033 * 6.2 + 0.0049 * 60 + 0.0008 - 2.0886
    score = SCORES["loris"].of(lung_patients())
    np.testing.assert_allclose(score, [pan, capped, unknown, np.nan], atol=1e-12)
    lung = 0.353 + 0.555 + 0.2924 * 4 - 0.0103 * 5 - 1.5593
    np.testing.assert_allclose(SCORES["loris_nsclc"].of(lung_patients())[0], lung, atol=1e-12)


def test_loris_knows_cancers_by_name_and_by_code() -> None:
    same = {"tmb_per_mb": 5.0, "age_years": 60.0, "prior_therapy": "no"}
    types = ["Renal", "CCRCC", "Pancreatic", "PAAD", "CNS", None]
    score = SCORES["loris"].of(clinic(6, cancer_type=types, **same))
    np.testing.assert_allclose(score[0] - score[4], 0.5451)
    np.testing.assert_allclose(score[2] - score[4], -1.1169)
    np.testing.assert_array_equal(score[[0, 2]], score[[1, 3]])
    assert np.isnan(score[5])
    assert np.isnan(SCORES["loris_nsclc"].of(clinic(6, cancer_type=types, pdl1_percent=1.0, **same))).all()


def test_a_score_answers_what_it_was_published_for_with_its_sign() -> None:
    patients = lung_patients()
    value = SCORES["loris"].of(patients)
    answers = score_answers("loris", LAYOUT, (365.0, 730.0), patients)
    np.testing.assert_array_equal(answers[Question("response", EVER)], value)
    for horizon in (365.0, 730.0):  # a higher score lives longer
        np.testing.assert_array_equal(answers[Question("os", horizon)], -value)
    assert set(score_answers("tmb", LAYOUT, (365.0,), patients)) == {Question("response", EVER)}
    assert set(score_answers("fga", LAYOUT, (365.0,), patients)) == {
        Question("site.liver", EVER),
        Question("os", 365.0),
    }


def test_a_score_that_answers_nothing_asked_is_refused() -> None:
    organs = TaskLayout(("site.liver",), {}, {})
    with pytest.raises(ConfigError, match=r"gep answers none of site\.liver; expected one of response"):
        score_answers("gep", organs, (365.0,), clinic(2))


def test_scores_rank_and_are_no_probabilities() -> None:
    assert set(RANKS_ONLY) == set(SCORES)
    assert all(RANKS_ONLY.values())
