"""Checkpoints: where each member of a job stands, so that a job that was killed goes on to the same weights.

A checkpoint is one safetensors file, replaced as a whole: the tensors, and in its header the other facts as
JSON, with the SHA-256 of all of it. Those of a job lie in one folder, beside a file that says what the job
rests on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from metarisk.errors import InputError, OutputError, first_ten
from metarisk.files import written

FORMAT = "metarisk.checkpoint/1"
JOB = "job.json"
ANEW = "start anew with --overwrite in place of --resume."


class Checkpoint(NamedTuple):
    """Where a member stands: its tensors by name, and facts that JSON can hold."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class CheckpointFile:
    """Where a member's checkpoint lies, whether or not there is one.

    Attributes
    ----------
    path
        The file.
    job
        SHA-256 of what the job rests on.
    """

    path: Path
    job: str

    @property
    def name(self) -> str:
        """Model and member that it stands for."""
        return f"{self.path.parent.name}/{self.path.stem}"


@dataclass(frozen=True)
class Checkpoints:
    """All checkpoints of a job.

    Attributes
    ----------
    folder
        Where they lie.
    job
        SHA-256 of what the job rests on.
    model
        Model whose members are meant: ours or a control.
    """

    folder: Path
    job: str
    model: str = ""

    def of(self, model: str) -> Checkpoints:
        """Those of one model."""
        return Checkpoints(self.folder, self.job, model)

    def member(self, number: int) -> CheckpointFile:
        """That of one member."""
        return CheckpointFile(self.folder / self.model / f"member-{number}.safetensors", self.job)


def check_unfinished(folder: Path) -> None:
    """Refuse to start where an unfinished job left checkpoints; raises `OutputError`."""
    if holds_members(folder):
        raise OutputError(
            f"{folder} holds checkpoints of a job that did not end",
            expected="a folder without one",
            do="Go on with --resume, or start anew with --overwrite.",
        )


def open_checkpoints(folder: Path, basis: Mapping[str, str]) -> Checkpoints:
    """Go on with the checkpoints of a folder, or begin with none.

    Parameters
    ----------
    folder
        Where they lie, or will.
    basis
        Everything that the weights rest on: settings, hashes of data and topology.

    Raises
    ------
    InputError
        If the folder's checkpoints rest on something else, or cannot be read.
    OutputError
        If it cannot be written.
    """
    path = folder / JOB
    if holds_members(folder):
        _check_basis(path, basis)
        for draft in folder.rglob(".*.part"):
            draft.unlink()
    else:
        drop_checkpoints(folder)
        with written(path) as draft:
            draft.write_text(json.dumps(basis, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return Checkpoints(folder, _digest(basis))


def join_checkpoints(folder: Path, basis: Mapping[str, str]) -> Checkpoints:
    """Checkpoints that another process of the job has opened; raises `InputError` like `open_checkpoints`."""
    _check_basis(folder / JOB, basis)
    return Checkpoints(folder, _digest(basis))


def holds_members(folder: Path) -> bool:
    """Whether a job came so far that it has something to go on from."""
    return any(folder.glob("*/member-*.safetensors"))


def drop_checkpoints(folder: Path) -> None:
    """Delete all checkpoints; a process that is killed meanwhile leaves none under that name."""
    if folder.is_dir():
        folder.rename(folder.with_name(f"{folder.name}.{uuid4().hex}.part"))
    for gone in folder.parent.glob(f"{folder.name}.*.part"):
        shutil.rmtree(gone, ignore_errors=True)


def write_checkpoint(file: CheckpointFile, checkpoint: Checkpoint) -> None:
    """Replace a member's checkpoint; a process that is killed meanwhile leaves the one before.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    facts = json.dumps(checkpoint.facts, sort_keys=True)
    header = {"format": FORMAT, "job": file.job, "of": file.name, "facts": facts}
    header["sha256"] = _sha256(tensors, header)
    with written(file.path) as draft:
        save_file(tensors, draft, metadata=header)


def read_checkpoint(file: CheckpointFile) -> Checkpoint | None:
    """A member's checkpoint, None where there is none.

    Raises
    ------
    InputError
        If it is partial, altered, or of another job.
    """
    if not file.path.is_file():
        return None
    try:
        with safe_open(file.path, framework="pt") as stored:
            header = dict(stored.metadata() or {})
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _unusable(file, f"is cut short or no checkpoint ({error})") from error
    if header.get("format") != FORMAT:
        raise _unusable(file, f"has format {header.get('format')}, not {FORMAT}")
    if header["job"] != file.job:
        raise _unusable(file, "belongs to a job with another configuration, data or topology")
    if header["of"] != file.name:
        raise _unusable(file, f"is that of {header['of']}")
    if header.pop("sha256") != _sha256(tensors, header):
        raise _unusable(file, "was altered since it was written: its SHA-256 differs")
    return Checkpoint(tensors, json.loads(header["facts"]))


def _unusable(file: CheckpointFile, what: str) -> InputError:
    return InputError(
        f"checkpoint {file.name} {what}",
        expected="what this job wrote",
        do=f"Delete {file.path} to fit that member from its start, or {ANEW}",
    )


def _check_basis(path: Path, basis: Mapping[str, str]) -> None:
    try:
        found = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read",
            expected="the JSON of an unfinished job",
            do=f"Replace it, or {ANEW}",
        ) from error
    keys = sorted(found.keys() | basis.keys())
    other = [
        f"{key} was {found.get(key, 'not there')} and is {basis.get(key, 'not there')}"
        for key in keys
        if found.get(key) != basis.get(key)
    ]
    if other:
        raise InputError(
            f"the unfinished job in {path.parent} rests on something else: {first_ten(other)}",
            expected="the same configuration, data and topology",
            do=f"Give it back what it had, or {ANEW}",
        )


def _digest(basis: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()


def _sha256(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Hash over every tensor's name, type, shape and bytes, and over the rest of the header."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
