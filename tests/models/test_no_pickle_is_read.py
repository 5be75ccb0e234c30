"""A bundle whose files were replaced by pickles, hashes corrected, runs none of them."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from metarisk.files import sha256_of
from metarisk.models import bundle as bundles
from metarisk.models.bundle import MANIFEST, check_bundle, load_bundle, save_bundle


class Trap:
    """What makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.mark,)


def test_the_trap_is_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").is_dir()


@pytest.mark.parametrize("ending", [".safetensors", ".json", ".parquet"])
def test_a_pickle_in_the_place_of_any_file_is_never_run(small: Any, tmp_path: Path, ending: str) -> None:
    save_bundle(small.bundle, tmp_path / "whole")
    names = [path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob(f"*{ending}")]
    assert names
    for name in names:
        if name.name == MANIFEST:
            continue
        copy = Path(shutil.copytree(tmp_path / "whole", tmp_path / "copy"))
        (copy / name).write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
        correct_hashes(copy)
        check_bundle(copy)  # a forger can make the hashes right
        with pytest.raises(Exception):  # noqa: B017, PT011  (each reader's own words; none runs what it reads)
            load_bundle(copy)
        assert not (tmp_path / "sprung").exists()
        shutil.rmtree(copy)


def correct_hashes(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    manifest["sha256"] = bundles._hash_of(manifest["files"])
    (folder / MANIFEST).write_text(json.dumps(manifest))
