from __future__ import annotations

import pytest
from pydantic import ValidationError

from metarisk.config.experiment import Experiment
from metarisk.config.network import NetworkSection
from metarisk.config.training import TrainingSection


@pytest.mark.parametrize("asked", [{"copies": 8}, {"direct_layers": 2}])
def test_copies_and_layers_need_an_mlp_to_be_of(asked: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="need direct_hidden above 0"):
        NetworkSection.model_validate({"direct_hidden": 0, **asked})
    assert NetworkSection.model_validate({"direct_hidden": 4, **asked})


def test_what_is_new_is_left_out_unless_asked_for() -> None:
    section = NetworkSection()
    assert (section.copies, section.direct_layers, section.number_embedding) == (1, 1, "piecewise")
    assert (section.number_width, section.category_width, section.site_rank, section.therapy_width) == (
        0,
    ) * 4
    assert TrainingSection().imbalance == "none"


def test_numbers_are_crossed_with_a_category_that_is_read() -> None:
    tree = {"name": "crossed", "simulation": {}, "network": {"numbers_by": "stage"}}
    with pytest.raises(ValidationError, match=r"numbers_by: stage is not among features\.categorical"):
        Experiment.model_validate(tree)
    assert Experiment.model_validate({**tree, "features": {"categorical": ["sex", "stage"]}})


def test_what_changes_nothing_is_not_written_so_hashes_stay() -> None:
    assert not {"numbers_by", "assay_weight"} & set(NetworkSection().model_dump())
    asked = NetworkSection(numbers_by="sex", assay_weight=0.5)
    assert NetworkSection.model_validate_json(asked.model_dump_json()) == asked


def test_an_unknown_embedding_or_imbalance_is_refused() -> None:
    with pytest.raises(ValidationError, match="'piecewise', 'periodic' or 'linear'"):
        NetworkSection.model_validate({"number_embedding": "spline"})
    with pytest.raises(ValidationError, match="'none', 'root' or 'balanced'"):
        TrainingSection.model_validate({"imbalance": "smote"})
