from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from metarisk.errors import BundleError, OutputError
from metarisk.models.bundle import MANIFEST, check_bundle, load_bundle, save_bundle
from metarisk.models.scoring import score_cohort


@pytest.fixture(scope="module")
def saved(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "bundle"
    save_bundle(small.bundle, folder)
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_reloaded_bundle_gives_the_same_scores(small: Any, saved: Path) -> None:
    before, after = (score_cohort(bundle, small.new_samples) for bundle in (small.bundle, load_bundle(saved)))
    own = ["model_version", "bundle_sha256"]
    pd.testing.assert_frame_equal(before.drop(columns=own), after.drop(columns=own), check_exact=True)
    assert set(after["bundle_sha256"]) == {json.loads((saved / MANIFEST).read_text())["sha256"]}


def test_everything_comes_back(small: Any, saved: Path) -> None:
    loaded = load_bundle(saved)
    assert loaded.experiment == small.bundle.experiment
    assert loaded.topology == small.bundle.topology
    assert loaded.ensemble.plan.layout == small.bundle.ensemble.plan.layout
    assert loaded.transform.columns == small.bundle.transform.columns
    assert list(loaded.transform.scales) == list(small.bundle.transform.scales)
    assert loaded.training_ids == small.bundle.training_ids
    assert (loaded.provenance, loaded.figures) == (small.bundle.provenance, small.bundle.figures)
    assert (loaded.card, loaded.name) == ("# small\n", "metarisk")
    assert loaded.version == loaded.sha256[:12]
    assert loaded.as_version("7").version == "7"
    np.testing.assert_array_equal(loaded.calibration.slope, small.bundle.calibration.slope)
    np.testing.assert_array_equal(loaded.calibration.offset, small.bundle.calibration.offset)
    assert loaded.calibration.sets == small.bundle.calibration.sets
    assert loaded.calibration.sets.limits
    assert loaded.reference.tails == small.bundle.reference.tails
    assert loaded.reference.summary == small.bundle.reference.summary
    assert set(loaded.reference.blocks) >= {"clinical", "mutation", "copy_number"}
    weights = small.bundle.ensemble.state_dict()
    for name, tensor in loaded.ensemble.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_the_steps_of_isotonic_calibration_come_back_to_the_last_digit(small: Any, tmp_path: Path) -> None:
    steps = {1: np.array([[-1.0, 0.1, 2.0], [-3.0, 0.2, 0.7]])}
    calibration = replace(small.bundle.calibration, steps=steps)
    bundle = replace(small.bundle, calibration=calibration)
    save_bundle(bundle, tmp_path / "stepped")
    loaded = load_bundle(tmp_path / "stepped")
    assert list(loaded.calibration.steps) == [1]
    np.testing.assert_array_equal(loaded.calibration.steps[1], steps[1])
    before, after = (score_cohort(one, small.new_samples)["probability"] for one in (bundle, loaded))
    pd.testing.assert_series_equal(before, after, check_exact=True)


def test_equal_models_are_equal_bytes(small: Any, saved: Path, tmp_path: Path) -> None:
    save_bundle(small.bundle, tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(saved)
    save_bundle(load_bundle(saved), tmp_path / "third")
    assert bytes_of(tmp_path / "third") == bytes_of(saved)


def test_no_file_is_a_pickle(saved: Path) -> None:
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} <= {
        ".json",
        ".safetensors",
        ".parquet",
        ".md",
    }
    for name, content in bytes_of(saved).items():
        assert not content.startswith((b"\x80", b"PK")), name  # a pickle's protocol mark, torch's zip


def test_who_may_read_one_file_may_read_them_all(saved: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in saved.rglob("*") if path.is_file()}
    assert set(modes.values()) == {modes["manifest.json"]}, modes


def test_an_existing_folder_is_kept_unless_it_may_be_replaced(small: Any, copy: Path) -> None:
    with pytest.raises(OutputError, match=r"copy exists\. Choose another folder"):
        save_bundle(small.bundle, copy)
    (copy / "stale.txt").write_text("old")
    save_bundle(small.bundle, copy, overwrite=True)
    check_bundle(copy)
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_a_folder_that_cannot_be_written_leaves_nothing(small: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        save_bundle(small.bundle, tmp_path / "file" / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"files missing or added \(weights.safetensors\)"):
        load_bundle(copy)


def test_an_added_file_is_named(copy: Path) -> None:
    (copy / "evil.pkl").write_bytes(b"\x80\x04N.")
    with pytest.raises(BundleError, match=r"files missing or added \(evil.pkl\)"):
        load_bundle(copy)


def test_one_flipped_bit_in_any_file_is_named(copy: Path, saved: Path) -> None:
    for name, content in bytes_of(saved).items():
        if name == MANIFEST:
            continue
        flipped = bytearray(content)
        flipped[len(flipped) // 2] ^= 1
        (copy / name).write_bytes(flipped)
        with pytest.raises(BundleError, match=rf"altered since it was saved \({name}\)"):
            check_bundle(copy)
        (copy / name).write_bytes(content)


def test_weights_of_another_bundle_are_refused(small: Any, copy: Path, tmp_path: Path) -> None:
    other = replace(small.bundle.calibration, offset=small.bundle.calibration.offset + 1)
    save_bundle(replace(small.bundle, calibration=other), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "calibration.safetensors", copy)
    with pytest.raises(BundleError, match=r"altered since it was saved \(calibration.safetensors\)"):
        load_bundle(copy)


def test_a_manifest_that_was_edited_to_fit_is_refused(copy: Path, tmp_path: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest["files"].pop("card.md"))
    (copy / "card.md").unlink()
    with pytest.raises(BundleError, match=rf"altered since it was saved \({MANIFEST}\)"):
        load_bundle(copy)


def test_a_newer_format_names_the_version_that_wrote_it(copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest.update(format_version=6, metarisk="9.1"))
    with pytest.raises(BundleError, match=r"bundle format 6, written by metarisk 9\.1; expected format 5"):
        load_bundle(copy)


def test_a_bundle_of_the_time_before_conformal_sets_names_the_version_that_reads_it(copy: Path) -> None:
    edit_manifest(copy, lambda manifest: manifest.update(format_version=2, metarisk="0.1"))
    said = r"bundle format 2, written by metarisk 0\.1; .* Install the version of metarisk that wrote it"
    with pytest.raises(BundleError, match=said):
        load_bundle(copy)


def test_a_folder_without_a_manifest_is_no_bundle(copy: Path) -> None:
    (copy / MANIFEST).unlink()
    with pytest.raises(BundleError, match=rf"copy has no {MANIFEST}; expected a bundle folder"):
        load_bundle(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "metarisk.bundle"}'])
def test_a_broken_manifest_is_said_to_be_broken(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match="is not a manifest; expected the JSON that `train` wrote"):
        load_bundle(copy)


@pytest.mark.parametrize("lost", ["files", "sha256", "name"])
def test_a_manifest_without_its_parts_is_said_to_be_broken(copy: Path, lost: str) -> None:
    edit_manifest(copy, lambda manifest: manifest.pop(lost))
    with pytest.raises(BundleError, match="is not a manifest; expected the JSON that `train` wrote"):
        load_bundle(copy)
