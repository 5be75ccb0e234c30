"""How much a server, or an archive, may ask of this machine before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class TransferLimits:
    """Bounds of one download.

    Attributes
    ----------
    size_bytes
        Largest file; one that announces or sends more is refused.
    timeout_s
        Seconds without a byte, at any point, before the connection counts as dropped.
    attempts
        Tries in a row that may bring no new byte.
    wait_s
        Pause before the second of them; it doubles, and never exceeds `longest_wait_s`.
    longest_wait_s
        Longest pause, also where the server asks for one.
    redirects
        Addresses that may follow the first.
    """

    size_bytes: int = 20 * GIB
    timeout_s: float = 30.0
    attempts: int = 5
    wait_s: float = 1.0
    longest_wait_s: float = 60.0
    redirects: int = 5


@dataclass(frozen=True)
class UnpackLimits:
    """Bounds of one archive.

    Attributes
    ----------
    size_bytes
        Bytes of all members together.
    members
        Files and folders.
    ratio
        Bytes unpacked for each byte of the archive; looked at once `ratio_from_bytes` are unpacked, since a
        matrix that is nearly all zeros packs as tightly as a bomb, but stays small.
    ratio_from_bytes
        See ``ratio``.
    """

    size_bytes: int = 100 * GIB
    members: int = 20_000
    ratio: float = 250.0
    ratio_from_bytes: int = 512 * MIB
