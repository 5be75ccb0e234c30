"""The command line: parse, call one library function, say where the result is."""

from metarisk.cli.app import main, run

__all__ = ["main", "run"]
