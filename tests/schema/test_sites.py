"""The vocabulary of sites: every site has words, no word has two, and real texts are read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from metarisk.config import load_study_file
from metarisk.config.study import YesNo
from metarisk.schema.endpoints import SITES
from metarisk.schema.sites import FILLERS, PLACES, SITE_WORDS, site_of, sites_in

CONFIGS = Path(__file__).parents[2] / "configs" / "studies"


def test_every_site_has_words_and_no_word_has_two_sites():
    assert set(SITE_WORDS) == set(SITES)
    counts = Counter(phrase for phrases in SITE_WORDS.values() for phrase in phrases)
    assert all(SITE_WORDS.values())
    assert max(counts.values()) == 1
    assert not FILLERS & set(PLACES)


@pytest.mark.parametrize("site", [site for site in SITES if site != "other"])
def test_the_name_of_a_site_names_it(site):
    assert site_of(site) == site


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("Peritoneal Surfaces", "intra_abdominal"),
        ("Non-regional / Distant Lymph Nodes", "lymph_node"),
        ("Cervical Lymph Nodes", "lymph_node"),
        ("LN left neck", "lymph_node"),
        ("head and neck lymph node", "lymph_node"),
        ("Head & Neck", "head_and_neck"),
        ("left lung", "lung"),
        ("LUNGS", "lung"),
        ("Bone (scapula)", "bone"),
        ("Soft Tissue", "other"),
        ("Ureter", "bladder"),
        ("Renal Pelvis", "bladder"),
        ("right pelvic mass", "intra_abdominal"),
        ("Leptomeninges", "brain"),
        ("Ocular", "other"),
        ("Lymph-node", "lymph_node"),
        ("SQ", "skin"),
    ],
)
def test_one_place_is_read_whatever_its_case_plural_side_or_separator(text, site):
    assert site_of(text) == site


@pytest.mark.parametrize("text", ["Other, specify", "Distant Metastasis", "liver/visceral", "lung and liver"])
def test_a_text_that_names_no_single_place_has_no_site(text):
    assert site_of(text) is None


def test_several_places_of_a_text_are_all_read():
    read = sites_in("lung, liver,  bone and skin nodules")
    assert read.sites == {"lung", "liver", "bone", "skin"}
    assert read.complete


def test_an_unknown_word_is_handed_back_and_never_taken_for_an_organ():
    read = sites_in("toungue; liver")
    assert read.sites == {"liver"}
    assert read.unknown == ("toungue",)
    assert not read.complete
    assert site_of("toungue") is None


def test_a_denied_place_is_not_named():
    assert sites_in("no bone metastases").sites == frozenset()
    assert site_of("liver negative") is None


def test_a_vague_text_is_not_complete():
    assert not sites_in("tumor bed and liver").complete


@pytest.mark.parametrize("text", ["", "[Not Applicable]", "none"])
def test_a_text_that_speaks_of_no_place_has_nothing_vague(text):
    assert sites_in(text) == (frozenset(), False, ())


def test_columns_of_msk_met_name_the_sites_that_its_study_file_gives_them():
    declared = load_study_file(CONFIGS / "msk_met.yaml").endpoints.sites
    for site, said in declared.items():
        assert isinstance(said, YesNo)
        read = site_of(said.column)
        assert read == (None if said.column.endswith("UNSPECIFIED") else site)


def test_the_real_event_texts_are_covered(shared_data):
    clinical = pd.read_parquet(shared_data / "tcga" / "clinical.parquet")
    columns = [clinical["new_tumor_event_site"], clinical["new_tumor_event_site_other"]]
    texts = pd.concat(columns).dropna().str.split("|", regex=False).explode()
    readings = [sites_in(text) for text in texts]
    assert sum(not read.unknown for read in readings) / len(readings) > 0.975
    # The rest of the first share says "Other, specify" and the like.
    assert sum(read.complete for read in readings) / len(readings) > 0.70


def test_the_real_biopsy_sites_are_covered(shared_data):
    clinical = pd.read_parquet(shared_data / "ici" / "signatures16" / "clinical.parquet")
    named = clinical["Tissue"].dropna()
    assert sum(site_of(text) is not None for text in named) / len(named) > 0.96
