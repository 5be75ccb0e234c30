from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from metarisk.train import code


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of three modules; ``a`` uses ``b``, and nobody uses ``c``."""
    folder = tmp_path / "codehash"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("import math\nfrom codehash.b import two\n\ndef one():\n    return two()\n")
    (folder / "b.py").write_text('def two():\n    """Two."""\n    return 2  # two\n')
    (folder / "c.py").write_text("three = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "PACKAGE", "codehash")
    yield folder
    for name in [name for name in sys.modules if name.startswith("codehash")]:
        del sys.modules[name]


def digest() -> str:
    code.code_sha256.cache_clear()
    importlib.invalidate_caches()
    return code.code_sha256("codehash.a")


def test_code_that_is_imported_counts_and_what_is_not_does_not(package: Path) -> None:
    first = digest()
    (package / "c.py").write_text("three = 4\n")
    assert digest() == first
    (package / "b.py").write_text("def two():\n    return 3\n")
    assert digest() != first


def test_words_about_the_code_do_not_count(package: Path) -> None:
    first = digest()
    (package / "b.py").write_text('def two():\n    """Another word."""\n\n    return (2)\n')
    assert digest() == first


def test_the_networks_code_is_in_and_the_figures_are_out(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    inner = code._file_of
    monkeypatch.setattr(code, "_file_of", lambda name: (read.append(name), inner(name))[1])
    code.code_sha256.cache_clear()
    code.code_sha256("metarisk.train.members", "metarisk.models.answers")
    assert {"metarisk.nn.direct", "metarisk.train.fit", "metarisk.models.network"} <= set(read)
    assert not {"metarisk.train.fold_figures", "metarisk.train.run", "metarisk.train.boosting"} & set(read)
