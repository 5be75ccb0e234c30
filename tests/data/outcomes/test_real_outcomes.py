"""Endpoints of real cohorts: the counts of their descriptions, and units that one cohort has wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metarisk.config.study import EndpointColumns
from metarisk.data import read_study
from metarisk.data.endpoints import read_endpoints, usual_endpoints
from metarisk.data.found import Found
from metarisk.data.source import ClinicalSource
from metarisk.data.text import read_text

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "configs" / "studies"
ORGANS = ("bone", "brain", "liver", "lung", "adrenal", "lymph_node", "pleura")


def source_of(path: Path, *ids: str) -> ClinicalSource:
    """A clinical table whose sample ids are made of these columns."""
    table = read_text(path, [])
    assert table is not None
    names = table.frame[list(ids)].agg(":".join, axis=1)
    frame = table.frame.set_axis(pd.Index(names, name="sample_id"))
    return ClinicalSource(frame, names.to_numpy(dtype=str), dict.fromkeys(frame.columns, path.name))


def survival(os: dict[str, object]) -> EndpointColumns:
    return EndpointColumns.model_validate({"os": os})


@pytest.fixture(scope="module")
def luad(shared_data: Path) -> pd.DataFrame:
    return read_study(CONFIGS / "luad_met_organotropism.yaml", data_root=shared_data).endpoints


def test_luad_organs_have_the_events_of_the_description(luad):
    events = [int((luad[f"site.{organ}.event"] == 1).sum()) for organ in ORGANS]
    assert events == [77, 66, 27, 108, 28, 96, 52]
    reached = [int((luad[f"site.{organ}"] == 1).sum()) for organ in ORGANS]
    assert reached == [172, 124, 69, 160, 62, 187, 86]


def test_a_luad_organ_is_dated_undated_or_not_reached(luad):
    for organ in ORGANS:
        answer, event = luad[f"site.{organ}"], luad[f"site.{organ}.event"]
        assert (answer[event == 1] == 1).all()
        assert (answer[event.isin([0, 2])] == 0).all()
        assert event[answer == 0].notna().all()
        assert (luad[f"site.{organ}.time_days"][event == 1] > 0).all()


def test_a_study_made_like_msk_met_needs_no_study_file_for_its_organs(shared_data):
    folder = shared_data / "studies" / "msk_met"
    found: Found = []
    table = read_text(folder / "data_clinical_sample.txt", found)
    assert table is not None
    frame = table.frame.set_index("SAMPLE_ID")
    source = ClinicalSource(frame, frame["PATIENT_ID"].to_numpy(dtype=str), dict.fromkeys(frame, table.name))
    sites = usual_endpoints(source, found).sites
    assert len(sites) == 20
    assert sites["brain"].column == "DMETS_DX_CNS_BRAIN"


def test_one_pooled_cohort_has_its_months_in_days(shared_data):
    source = source_of(shared_data / "ici" / "loris_clinical.parquet", "cohort", "SAMPLE_ID")
    os = {"time": "OS_Months", "status": "OS_Event", "event": ["1"], "censored": ["0"]}
    found: Found = []
    read_endpoints(source, survival(os | {"unit": "months"}), found)
    wrong = [str(finding) for finding in found if finding.level.value == "error"]
    assert len(wrong) == 1
    assert "306 times of cohort Ravi_NSCLC, read as months, have a median above 15 years" in wrong[0]
    by_row = {"column": "cohort", "of": {"Ravi_NSCLC": "days"}, "others": "months"}
    found.clear()
    frame = read_endpoints(source, survival(os | {"unit": by_row}), found)
    assert not any(finding.level.value == "error" for finding in found)
    assert frame["os.event"].notna().sum() == 3_020


def test_tcga_events_are_dated_and_their_organs_read_from_words(shared_data):
    source = source_of(shared_data / "tcga" / "clinical.parquet", "patient_id")
    os = {"time": "OS.time", "unit": "days", "status": "OS", "event": ["1"], "censored": ["0"]}
    said = {
        "os": os,
        "metastasis": os | {"time": "new_tumor_event_dx_days_to", "status": "nte_distant", "end": os},
        "site_text": {
            "columns": ["new_tumor_event_site", "new_tumor_event_site_other"],
            "sites": ["lung", "liver", "bone", "brain"],
            "where": {"new_tumor_event_type": ["Distant Metastasis", "Metastatic"]},
            "none": {"PFI": ["0"]},
        },
    }
    found: Found = []
    frame = read_endpoints(source, EndpointColumns.model_validate(said), found)
    assert {finding.level.value for finding in found} == {"warning"}
    assert (frame["metastasis.event"] == 1).sum() == 669
    assert (frame["metastasis.event"] == 2).sum() > 2_000
    yes = [int((frame[f"site.{site}"] == 1).sum()) for site in ("lung", "liver", "bone", "brain")]
    flagged = [source.numbers(f"nte_site_{site}", found) for site in ("lung", "liver", "bone", "brain")]
    assert all(0.5 * flag.sum() < count <= flag.sum() for count, flag in zip(yes, flagged, strict=True))
    # Where both know, the vocabulary and the flags of another reading agree.
    agree = [
        np.mean(flag[frame[f"site.{site}"].notna()] == frame[f"site.{site}"].dropna())
        for site, flag in zip(("lung", "liver", "bone", "brain"), flagged, strict=True)
    ]
    assert min(agree) > 0.99
