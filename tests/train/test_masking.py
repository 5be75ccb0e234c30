from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from metarisk.config.pretraining import PretrainingSection
from metarisk.train.masking import Unlabelled, hide, hide_assay, unlabelled_of


@pytest.fixture(scope="module")
def data(ready: Any) -> Unlabelled:
    columns = {
        assay.value: torch.from_numpy(np.flatnonzero(nodes >= 0))
        for assay, nodes in ready.plan.assay_nodes.items()
    }
    training = ready.training_set
    return unlabelled_of(ready.cohort, training.batch, training.transform, columns)


def has(data: Unlabelled, name: str) -> torch.Tensor:
    return data.known[name].flatten(1).any(dim=1)


def test_what_was_not_measured_is_neither_known_nor_judged(ready: Any, data: Unlabelled) -> None:
    everything = {name: torch.ones(known.shape[:2], dtype=torch.bool) for name, known in data.known.items()}
    for name, judged in data.judged(everything).items():
        table = next(table for assay, table in ready.cohort.assays.items() if assay.value == name)
        genes = ready.training_set.transform.scales[table.assay].genes
        at = [table.genes.index(gene) for gene in genes]
        np.testing.assert_array_equal(judged.numpy(), ~np.isnan(table.values[:, at]))
        assert not data.values[name][~data.known[name]].any()


def test_what_is_hidden_is_not_among_what_is_read(data: Unlabelled) -> None:
    hidden = hide(data, PretrainingSection(mask_genes=0.3, mask_assay=0.2), torch.Generator().manual_seed(0))
    for name, left in data.without(hidden).items():
        assert not left[hidden[name]].any()
        assert torch.equal(left[~hidden[name]], data.values[name][~hidden[name]])


def test_the_share_hidden_is_the_one_asked_for(data: Unlabelled) -> None:
    hidden = hide(data, PretrainingSection(mask_genes=0.2, mask_assay=0.0), torch.Generator().manual_seed(0))
    for mask in hidden.values():
        assert mask.float().mean() == pytest.approx(0.2, abs=0.02)


def test_a_sample_never_loses_all_that_it_has(data: Unlabelled) -> None:
    hidden = hide(data, PretrainingSection(mask_genes=0.01, mask_assay=0.5), torch.Generator().manual_seed(0))
    whole = {name: mask.all(dim=1) & has(data, name) for name, mask in hidden.items()}
    left = torch.stack([has(data, name) & ~whole[name] for name in hidden])
    assert left.any(dim=0).all()
    assert torch.stack(list(whole.values())).any(dim=0).float().mean() > 0.3


def test_hiding_one_assay_hides_it_where_another_stays(data: Unlabelled) -> None:
    hidden = hide_assay(data, "expression")
    others = has(data, "mutation") | has(data, "copy_number")
    assert torch.equal(hidden["expression"].all(dim=1), others)
    assert not hidden["mutation"].any()
    alone = Unlabelled({"expression": data.values["expression"]}, {"expression": data.known["expression"]})
    assert not hide_assay(alone, "expression")["expression"].any()
