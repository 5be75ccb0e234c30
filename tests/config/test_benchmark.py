from __future__ import annotations

import pytest
from pydantic import ValidationError

from metarisk.config.benchmark import BenchmarkSection, GraphSection, PanelStep, SplitSection, UnseenSection


def test_a_comparison_that_names_no_models_has_the_negative_controls() -> None:
    beside = BenchmarkSection().models_beside(("boosting", "no_graph"))
    assert beside == ("boosting", "no_graph", "rewired", "permuted_labels")
    assert BenchmarkSection(models=("linear",)).models_beside(("boosting",)) == ("linear",)


def test_the_figure_is_drawn_against_a_model_that_is_there() -> None:
    with pytest.raises(ValidationError, match=r"versus: linear is not among benchmark\.models"):
        BenchmarkSection(models=("boosting",), versus="linear")


def test_shares_ascend_and_another_topology_has_a_name_of_its_own() -> None:
    with pytest.raises(ValidationError, match="shares must ascend"):
        GraphSection(shares=(1.0, 0.5))
    with pytest.raises(ValidationError, match="beside: rewired is the name of a model"):
        GraphSection(beside={"rewired": {"source": "x"}})


def test_cohorts_to_learn_from_need_a_split_by_cohort() -> None:
    with pytest.raises(ValidationError, match="names cohorts or cancer types"):
        SplitSection(learn_from=("a",))


def test_hidden_shares_ascend_and_something_is_hidden() -> None:
    with pytest.raises(ValidationError, match="hidden must ascend"):
        UnseenSection(hidden=(0.5, 0.3))
    with pytest.raises(ValidationError, match="hidden or panels: name at least one"):
        UnseenSection(hidden=())
    step = PanelStep(learned="A", asked="B")
    assert UnseenSection(hidden=(), panels=(step,)).panels == (step,)


def test_a_comparison_without_hidden_genes_is_written_as_it_was_before_there_were_any() -> None:
    assert "unseen" not in BenchmarkSection().model_dump()
    assert "unseen" in BenchmarkSection(unseen=UnseenSection()).model_dump()
