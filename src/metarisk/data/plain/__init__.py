"""A folder of plain tables, told by its study file."""

from metarisk.data.plain.folder import read_tables

__all__ = ["read_tables"]
