"""Declarations that cannot mean anything are refused when the study file is read."""

from __future__ import annotations

import pytest

from metarisk.errors import ConfigError


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"unit": "z_score", "pseudocount": 1}, "pseudocount belongs to a log2 unit, not to z_score"),
        ({"unit": "tpm", "linear": True}, "linear belongs to a log2 unit, not to tpm"),
        ({"linear": True, "pseudocount": 1}, "linear values have no pseudocount yet"),
        ({"name_pattern": "^(a)(b)$"}, "name_pattern has 2 groups; it needs one"),
        ({"name_pattern": "^(a"}, "name_pattern is no regular expression"),
        ({"each": ["A"]}, "each and a file name with {} go together"),
        ({"unit": "beta"}, "unit 'beta' is not one of log2_tpm"),
        (
            {"orientation": "samples_in_rows", "sheet": {"file": "s.tsv", "value_column": "v"}},
            "files of one sample each have their genes in rows",
        ),
        ({"repeated": "sum"}, "'refuse', 'mean' or 'max'"),
    ],
)
def test_a_matrix_whose_declaration_contradicts_itself_is_refused(folder, more, sentence):
    folder.assay("e.tsv", **{"unit": "log2_tpm"} | more)
    with pytest.raises(ConfigError) as caught:
        folder.read()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"rows": ["age"]}, "orientation genes_in_rows and rows go together"),
        ({"orientation": "genes_in_rows"}, "orientation genes_in_rows and rows go together"),
        ({"patient_pattern": "^.+$"}, "patient_pattern has 0 groups; it needs one"),
        ({"blank": [{"columns": [], "where": {"a": ["b"]}}]}, "at least 1 item"),
    ],
)
def test_a_clinical_file_whose_declaration_contradicts_itself_is_refused(folder, more, sentence):
    folder.say(**more)
    with pytest.raises(ConfigError) as caught:
        folder.read()
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("format", "section", "sentence"),
    [
        ("cbioportal", {}, "clinical_file belong to format 'tables', and this is 'cbioportal'"),
        (
            "tables",
            {"units": {"data_x.txt": "log2_tpm"}},
            "units belong to format 'cbioportal', and this is 'tables'",
        ),
    ],
)
def test_a_section_that_the_format_would_pass_over_is_refused(folder, format, section, sentence):
    folder.study |= {"format": format, **section}
    with pytest.raises(ConfigError) as caught:
        folder.read()
    assert sentence in str(caught.value)
