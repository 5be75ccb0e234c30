"""The timeline of a study folder: days count from the sample, and what comes after it is no feature."""

from __future__ import annotations

import numpy as np
import pytest

from metarisk.data import Cohort, read_study
from tests.data.conftest import TinyStudy, meta, rows

SPECIMENS = rows(
    "PATIENT_ID START_DATE STOP_DATE EVENT_TYPE SAMPLE_ID",
    "P1 100 _ SPECIMEN S1",
    "P2 -5 _ Specimen S2",
    "P3 400 _ SPECIMEN S3",
    "P3 50 _ SPECIMEN S4",
)
LABS = rows(
    "PATIENT_ID START_DATE STOP_DATE EVENT_TYPE TEST RESULT",
    "P1 90 _ LAB_TEST ctDNA 10",
    "P1 130 _ LAB_TEST ctDNA 30",
    "P1 95 _ LAB_TEST PSA 7",
    "P2 0 _ lab_test ctDNA 5",
    "P3 40 _ LAB_TEST ctDNA 20",
    "P9 40 _ LAB_TEST ctDNA 20",
    "P3 60 _ IMAGING ctDNA 90",
)
DECLARED = (
    "name: tiny\nfolder: .\ntimeline:\n  ctdna_fraction: "
    "{event_type: LAB_TEST, where: {TEST: [ctDNA]}, value: RESULT, scale: 0.01}\n"
)


def with_timeline(tiny: TinyStudy, *, labs: str = LABS, specimens: str | None = SPECIMENS) -> TinyStudy:
    tiny.put("meta_timeline_labtest.txt", meta("CLINICAL", "TIMELINE", "data_timeline_labtest.txt"))
    tiny.put("data_timeline_labtest.txt", labs)
    if specimens is not None:
        tiny.put("meta_timeline_specimen.txt", meta("CLINICAL", "TIMELINE", "data_timeline_specimen.txt"))
        tiny.put("data_timeline_specimen.txt", specimens)
    return tiny.put("metarisk_study.yaml", DECLARED)


def values(cohort: Cohort) -> list[tuple[str, float, str, float]]:
    dated = cohort.dated
    return list(
        zip(dated["patient_id"], dated["time_days"], dated["variable"], dated["value"].round(6), strict=True)
    )


def test_lab_values_count_from_each_patients_first_sample(tiny):
    cohort = read_study(with_timeline(tiny).write())
    assert values(cohort) == [
        ("P1", -10, "ctdna_fraction", 0.1),
        ("P1", 30, "ctdna_fraction", 0.3),
        ("P2", 5, "ctdna_fraction", 0.05),
        ("P3", -10, "ctdna_fraction", 0.2),
    ]
    assert "dates the samples of 3 patients: times count from each one's first sample" in tiny.told()


def test_a_sample_that_is_not_kept_sets_no_clock(tiny):
    with_timeline(tiny).put("metarisk_study.yaml", DECLARED + "keep: {SAMPLE_TYPE: [Metastasis]}\n")
    assert values(read_study(tiny.write())) == [("P3", -360, "ctdna_fraction", 0.2)]


def test_without_dated_samples_times_count_from_the_timelines_zero(tiny):
    cohort = read_study(with_timeline(tiny, specimens=None).write())
    assert [time for _, time, _, _ in values(cohort)] == [90, 130, 0, 40]
    assert "dates no sample: times count from the timeline's own zero" in tiny.told()


def test_a_patient_without_a_dated_sample_has_no_clock_where_others_have(tiny):
    specimens = "".join(line for line in SPECIMENS.splitlines(keepends=True) if "S2" not in line)
    with_timeline(tiny, specimens=specimens)
    assert "1 patients have samples without a date and were left out" in tiny.told()
    assert {patient for patient, *_ in values(read_study(tiny.folder))} == {"P1", "P3"}


def test_a_patient_with_one_undated_sample_has_no_clock_for_nobody_knows_the_first(tiny):
    specimens = "".join(line for line in SPECIMENS.splitlines(keepends=True) if "S4" not in line)
    with_timeline(tiny, specimens=specimens)
    assert {patient for patient, *_ in values(read_study(tiny.write()))} == {"P1", "P2"}


def test_the_first_of_several_events_dates_a_sample_and_the_older_column_names_it(tiny):
    specimens = SPECIMENS.replace("SAMPLE_ID", "SPECIMEN_REFERENCE_NUMBER") + rows("P1 20 _ SURGERY S1")
    cohort = read_study(with_timeline(tiny, specimens=specimens).write())
    assert values(cohort)[0] == ("P1", 70, "ctdna_fraction", 0.1)


def test_a_treatment_that_starts_after_the_sample_is_no_value(tiny):
    labs = rows(
        "PATIENT_ID START_DATE STOP_DATE EVENT_TYPE AGENT LINE",
        "P1 90 95 TREATMENT X 1",
        "P1 101 120 TREATMENT Y 2",
        "P2 -5 20 TREATMENT X 1",
    )
    with_timeline(tiny, labs=labs)
    tiny.put(
        "metarisk_study.yaml",
        "name: tiny\nfolder: .\ntimeline: {therapy_line: {event_type: TREATMENT, value: LINE}}\n",
    )
    assert values(read_study(tiny.write())) == [("P1", -10, "therapy_line", 1), ("P2", 0, "therapy_line", 1)]
    assert "1 treatments start after the sample and were left out" in tiny.told()


def test_an_extra_number_can_be_dated(tiny):
    with_timeline(tiny)
    tiny.put(
        "metarisk_study.yaml",
        "name: tiny\nfolder: .\n"
        "timeline: {extra.psa: {event_type: LAB_TEST, where: {TEST: [PSA]}, value: RESULT}}\n"
        "extras: {psa: {column: TUMOR_PURITY, unit: ng/mL, low: 0, high: 10000}}\n",
    )
    assert values(read_study(tiny.write())) == [("P1", -5, "extra.psa", 7)]


def test_an_extra_number_has_its_own_range(tiny):
    with_timeline(tiny)
    tiny.put(
        "metarisk_study.yaml",
        "name: tiny\nfolder: .\n"
        "timeline: {extra.psa: {event_type: LAB_TEST, where: {TEST: [PSA]}, value: RESULT}}\n"
        "extras: {psa: {column: TUMOR_PURITY, unit: ng/mL, low: 0, high: 5}}\n",
    )
    (told,) = [told for told in tiny.errors() if "timeline" in told]
    assert "data_timeline_labtest.txt, line 4: timeline.extra.psa: 1 values lie outside 0..5" in told
    assert "It is in ng/mL" in told


def test_of_two_values_of_one_day_the_last_stands_and_it_is_told(tiny):
    labs = LABS + rows("P1 90 _ LAB_TEST ctDNA 40", "P2 0 _ LAB_TEST ctDNA 5")
    cohort = read_study(with_timeline(tiny, labs=labs).write())
    assert values(cohort)[0] == ("P1", -10, "ctdna_fraction", 0.4)
    assert len(cohort.dated) == 4
    assert "1 values are followed by another of the same patient and day" in tiny.told()


def test_a_timeline_that_the_study_file_does_not_ask_for_is_told_and_does_no_harm(tiny):
    with_timeline(tiny).drop("metarisk_study.yaml").put("data_timeline_specimen.txt", "a\tb\n1\t2\n")
    told = tiny.told()
    assert "is a timeline of 7 events (IMAGING, LAB_TEST, lab_test), and the study file asks nothing" in told
    assert "data_timeline_specimen.txt: is called a timeline and cannot be read as one" in told
    assert tiny.errors() == []
    assert len(read_study(tiny.folder).dated) == 0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("LAB_TEST,", "LABTEST,", "no event of type LABTEST fits. Did you mean 'LAB_TEST'?"),
        ("[ctDNA]", "[cfDNA]", "no event of type LAB_TEST fits. Check where and value of the declaration."),
        ("RESULT", "VALUE", "timeline.ctdna_fraction: no event of type LAB_TEST fits"),
        ("ctdna_fraction", "ctdna_fractoin", "timeline.ctdna_fractoin is not a clinical number of metarisk"),
        (", scale: 0.01", "", "timeline.ctdna_fraction: 4 values lie outside 0..1"),
    ],
)
def test_a_declaration_that_does_not_fit_is_an_error(tiny, old, new, sentence):
    with_timeline(tiny).change("metarisk_study.yaml", old, new)
    assert any(sentence in told for told in tiny.errors())


def test_values_declared_of_a_study_without_a_timeline_are_an_error(tiny):
    tiny.put("metarisk_study.yaml", DECLARED)
    assert any("declares timeline values, and the study has no timeline" in told for told in tiny.errors())


def test_text_where_a_number_should_be_is_told_with_its_line_and_left_out(tiny):
    with_timeline(tiny).change("data_timeline_labtest.txt", "ctDNA\t30", "ctDNA\thigh")
    told = tiny.told()
    assert "line 3, column RESULT: 1 cells are not numbers and were left out" in told
    assert "high" not in told
    assert [time for patient, time, *_ in values(read_study(tiny.folder)) if patient == "P1"] == [-10]


def test_dated_values_follow_their_patients(tiny):
    cohort = read_study(with_timeline(tiny).write())
    assert set(cohort.take(np.array([1])).dated["patient_id"]) == {"P2"}
