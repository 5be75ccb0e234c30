"""Checkpoints that are killed, cut, altered, or of another job."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from metarisk.errors import InputError, OutputError
from metarisk.train.checkpoint import (
    Checkpoint,
    CheckpointFile,
    Checkpoints,
    check_unfinished,
    drop_checkpoints,
    holds_members,
    join_checkpoints,
    open_checkpoints,
    read_checkpoint,
    write_checkpoint,
)

BASIS = {"training.epochs": "5", "network.width": "8", "cohort_sha256": "aa", "topology_sha256": "bb"}


def checkpoint(epoch: int, size: int = 50) -> Checkpoint:
    tensors = {
        "network.weight": torch.full((size, 3), float(epoch)),
        "optimiser.0.step": torch.tensor(float(epoch)),
        "random.cpu": torch.arange(7, dtype=torch.uint8),
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    return Checkpoint(tensors, {"epoch": epoch, "best": float("inf"), "order": {"state": 2**120 + 1}})


@pytest.fixture
def place(tmp_path: Path) -> Checkpoints:
    return open_checkpoints(tmp_path / ".checkpoints", BASIS).of("metarisk")


def test_what_was_written_is_read(place: Checkpoints) -> None:
    file = place.member(3)
    assert read_checkpoint(file) is None
    write_checkpoint(file, checkpoint(4))
    found = read_checkpoint(file)
    assert found is not None
    assert found.facts == checkpoint(4).facts
    assert found.tensors.keys() == checkpoint(4).tensors.keys()
    for name, tensor in checkpoint(4).tensors.items():
        assert torch.equal(found.tensors[name], tensor)
        assert found.tensors[name].dtype == tensor.dtype


def test_a_process_killed_at_any_moment_leaves_a_whole_checkpoint(place: Checkpoints) -> None:
    file, draw, last = place.member(0), random.Random(0), -1
    write_checkpoint(file, checkpoint(0, 200_000))
    drafts = 0
    for _ in range(12):
        child = os.fork()
        if child == 0:  # writes one checkpoint after the other until it is killed
            for epoch in range(last + 1, 10**6):
                write_checkpoint(file, checkpoint(epoch, 200_000))
            os._exit(0)
        time.sleep(0.02 + draw.random() * 0.06)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = read_checkpoint(file)
        assert found is not None
        assert found.facts["epoch"] >= last
        assert torch.equal(
            found.tensors["network.weight"],
            checkpoint(found.facts["epoch"], 200_000).tensors["network.weight"],
        )
        last = found.facts["epoch"]
        drafts += len(list(file.path.parent.glob(".*.part")))
    assert drafts  # one at least was killed while it wrote
    open_checkpoints(place.folder, BASIS)
    assert not list(file.path.parent.glob(".*.part"))


def test_a_checkpoint_cut_short_is_refused(place: Checkpoints) -> None:
    file = place.member(0)
    write_checkpoint(file, checkpoint(1))
    whole = file.path.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        file.path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"checkpoint metarisk/member-0 is cut short or no checkpoint"):
            read_checkpoint(file)


def test_a_flipped_byte_is_refused(place: Checkpoints) -> None:
    file = place.member(0)
    write_checkpoint(file, checkpoint(1))
    whole = bytearray(file.path.read_bytes())
    whole[-5] ^= 1
    file.path.write_bytes(whole)
    with pytest.raises(InputError, match=r"member-0 was altered since it was written: its SHA-256 differs"):
        read_checkpoint(file)


def test_a_checkpoint_of_another_member_or_job_is_refused(place: Checkpoints) -> None:
    write_checkpoint(place.member(0), checkpoint(1))
    place.member(0).path.rename(place.member(1).path)
    with pytest.raises(InputError, match=r"metarisk/member-1 is that of metarisk/member-0"):
        read_checkpoint(place.member(1))
    other = CheckpointFile(place.member(1).path, "another")
    with pytest.raises(InputError, match=r"belongs to a job with another configuration, data or topology"):
        read_checkpoint(other)


def test_other_settings_or_data_are_named(place: Checkpoints) -> None:
    write_checkpoint(place.member(0), checkpoint(1))
    for change, sentence in (
        ({"training.epochs": "9"}, r"rests on something else: training\.epochs was 5 and is 9; expected"),
        ({"cohort_sha256": "cc"}, r"cohort_sha256 was aa and is cc"),
    ):
        with pytest.raises(InputError, match=sentence):
            open_checkpoints(place.folder, {**BASIS, **change})
    assert open_checkpoints(place.folder, BASIS).of("metarisk") == place


def test_an_unreadable_job_file_is_refused(place: Checkpoints) -> None:
    write_checkpoint(place.member(0), checkpoint(1))
    (place.folder / "job.json").write_text("{")
    with pytest.raises(InputError, match=r"job\.json cannot be read"):
        open_checkpoints(place.folder, BASIS)


def test_another_process_joins_without_touching_what_is_being_written(place: Checkpoints) -> None:
    write_checkpoint(place.member(0), checkpoint(1))
    draft = place.folder / "metarisk" / ".member-0.safetensors.1.part"
    draft.touch()
    assert join_checkpoints(place.folder, BASIS).of("metarisk") == place
    assert draft.exists()
    with pytest.raises(InputError, match=r"network\.width was 8 and is 9"):
        join_checkpoints(place.folder, {**BASIS, "network.width": "9"})


def test_an_unfinished_job_is_said_and_one_without_an_epoch_is_none(place: Checkpoints) -> None:
    check_unfinished(place.folder)
    assert open_checkpoints(place.folder, {"other": "settings"})
    open_checkpoints(place.folder, BASIS)
    write_checkpoint(place.member(0), checkpoint(1))
    with pytest.raises(
        OutputError, match=r"checkpoints of a job that did not end; .* --resume, or start anew"
    ):
        check_unfinished(place.folder)


def test_dropping_leaves_nothing(place: Checkpoints) -> None:
    write_checkpoint(place.member(0), checkpoint(1))
    assert holds_members(place.folder)
    drop_checkpoints(place.folder)
    assert not list(place.folder.parent.iterdir())
    drop_checkpoints(place.folder)


def test_no_checkpoint_is_a_pickle(place: Checkpoints) -> None:
    write_checkpoint(place.member(0), checkpoint(1))
    raw = place.member(0).path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert json.loads(header["__metadata__"]["facts"])["epoch"] == 1
    assert b"\x80\x04" not in raw[:2]
