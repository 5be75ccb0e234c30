"""One family of errors, each a sentence: what was found, what was expected, what to do.

::

    MetariskError
    |-- ConfigError        a configuration that cannot be run
    |-- InputError         a file or table that is not what it must be
    |   |-- InvalidStudyError a study with findings; all of them are in ``findings``
    |   `-- LimitError     larger than what may be taken
    |-- TopologyError      a circuit, an edge or a topology file that cannot be used
    |-- BundleError        a model bundle that is partial, altered, or of another format
    |-- RegistryError      a model name, alias or tracking store that cannot be resolved
    |-- GateRefusedError   a model that did not pass the gates of its configuration
    |-- OutputError        a result that cannot be written where it was asked for
    |-- ResourceError      memory, or another process, that a job needs and does not have
    `-- StoppedError       a job that stopped because it was asked to; its work is kept

The command line prints the sentence and exits 2; a traceback means a bug of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial


class MetariskError(Exception):
    """What was found, what was expected, and what to do about it.

    Parameters
    ----------
    found
        What is wrong and where, without a full stop.
    expected
        What should have stood there, without a full stop; empty if ``found`` says it already.
    do
        The next step for the reader, as a sentence.
    """

    def __init__(self, found: str, *, expected: str = "", do: str) -> None:
        self.found = found
        self.expected = expected
        self.do = do
        middle = f"; expected {expected}" if expected else ""
        super().__init__(f"{found}{middle}. {do}")

    def __reduce__(self) -> tuple[object, ...]:
        """Cross from one process to another with every part."""
        return partial(type(self), expected=self.expected, do=self.do), (self.found,), self.__dict__


class ConfigError(MetariskError):
    """A configuration that cannot be run."""


class InputError(MetariskError):
    """A file or table that is not what it must be."""


class InvalidStudyError(InputError):
    """A study with findings at the level of an error; all of them are in ``findings``."""

    def __init__(self, found: str, *, expected: str = "", do: str, findings: Sequence[object] = ()) -> None:
        super().__init__(found, expected=expected, do=do)
        self.findings = tuple(findings)


class LimitError(InputError):
    """An input larger than what may be taken, packed or unpacked."""


class TopologyError(MetariskError):
    """A circuit, an edge or a topology file that cannot be used."""


class BundleError(MetariskError):
    """A model bundle that is partial, altered, or of another format."""


class RegistryError(MetariskError):
    """A model name, alias or tracking store that cannot be resolved."""


class GateRefusedError(MetariskError):
    """A model that did not pass the gates of its configuration."""


class OutputError(MetariskError):
    """A result that cannot be written where it was asked for."""


class ResourceError(MetariskError):
    """Memory, or another process, that a job needs and does not have."""


class StoppedError(MetariskError):
    """A job that stopped because it was asked to; its work is kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice that names the closest known spelling, or lists what is known."""
    choices = sorted(known)
    close = get_close_matches(name, choices, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    shown = ", ".join(choices[:12]) + (", ..." if len(choices) > 12 else "")
    return f"Choose one of: {shown}."


def first_ten(names: Iterable[object]) -> str:
    """Name ten of many, and say how many more there are."""
    listed = [str(name) for name in names]
    more = f", ({len(listed) - 10} more)" if len(listed) > 10 else ""
    return ", ".join(listed[:10]) + more
