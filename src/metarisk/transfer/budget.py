"""What has been unpacked so far, held against what an archive may become."""

from __future__ import annotations

from pathlib import PurePosixPath

from metarisk.errors import InputError, LimitError
from metarisk.transfer.limits import UnpackLimits
from metarisk.transfer.names import as_one_name


class Budget:
    """Bytes and names of one archive so far; each is refused before it is one too many.

    Attributes
    ----------
    name
        The archive, for the sentences.
    packed_bytes
        Size of the archive.
    unpacked_bytes
        Bytes so far, those around the files included.
    files, file_bytes, left_out
        So far: files, their bytes, and members that no system but macOS reads.
    """

    def __init__(self, name: str, packed_bytes: int, limits: UnpackLimits) -> None:
        self.name = name
        self.packed_bytes = packed_bytes
        self.unpacked_bytes = 0
        self.files = 0
        self.file_bytes = 0
        self.left_out = 0
        self._limits = limits
        self._seen: dict[str, bool] = {}  # name -> it is a folder
        self._members = 0

    def add_bytes(self, count: int) -> None:
        """Count bytes; raises `LimitError` past the size or the ratio."""
        self.unpacked_bytes += count
        self.check_size(self.unpacked_bytes)
        if self.unpacked_bytes <= self._limits.ratio_from_bytes:
            return
        if self.unpacked_bytes > self._limits.ratio * max(self.packed_bytes, 1):
            raise self._refusal(
                f"unpacks to more than {self._limits.ratio:g} times its {self.packed_bytes} bytes"
            )

    def check_size(self, size: int) -> None:
        """Raise `LimitError` if so many bytes are too many."""
        if size > self._limits.size_bytes:
            raise self._refusal(f"unpacks to more than {self._limits.size_bytes} bytes")

    def add_member(self) -> None:
        """Count a member of any kind; raises `LimitError` past the number."""
        self._members += 1
        if self._members > self._limits.members:
            raise self._refusal(f"has more than {self._limits.members} members")

    def add_name(self, path: PurePosixPath, *, folder: bool) -> None:
        """Note a name; raises `InputError` if it stands twice, or as a file and as a folder."""
        for parent in path.parents:
            self._note(parent, folder=True)
        self._note(path, folder=folder)
        self.files += not folder

    def _note(self, path: PurePosixPath, *, folder: bool) -> None:
        name = as_one_name(path)
        if name in self._seen and not (folder and self._seen[name]):
            raise self._refusal(f"has two members of the name {str(path)!r}", InputError)
        self._seen[name] = folder

    def _refusal(self, fault: str, kind: type[InputError] = LimitError) -> InputError:
        return kind(
            f"{self.name} {fault}",
            do="Nothing was unpacked. Do not trust this archive; ask where it came from.",
        )
