"""Results of two processes under one name, at the moments where they meet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from metarisk.errors import OutputError
from metarisk.files import placed

MARKER = "manifest.json"


def place(out: Path, text: str, meanwhile: Callable[[], object]) -> None:
    """Make a result of one file; somebody else does something before it goes to its place."""
    with placed(out, overwrite=False, marker=MARKER) as draft:
        (draft / MARKER).write_text(text)
        meanwhile()


def test_of_two_results_made_at_once_the_first_stays_and_is_never_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    moved: list[Path] = []
    rename = Path.rename

    def watched(path: Path, target: Path) -> Path:
        moved.append(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", watched)
    with pytest.raises(OutputError, match=r"out exists\. Choose another folder"):
        place(out, "second", lambda: place(out, "first", lambda: None))
    assert (out / MARKER).read_text() == "first"
    assert out not in moved
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_that_appears_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="out exists"):
        place(out, "mine", lambda: out.write_text("theirs"))
    assert out.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [out]


def test_a_result_that_may_be_replaced_is_whole_before_and_after(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("old", "new"):
        with placed(out, overwrite=True, marker=MARKER) as draft:
            (draft / MARKER).write_text(text)
            assert not out.exists() or (out / MARKER).read_text() == "old"
    assert (out / MARKER).read_text() == "new"
    assert list(tmp_path.iterdir()) == [out]
