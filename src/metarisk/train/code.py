"""A hash over the code that some modules run, so that answers of older code are not taken for today's."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "metarisk"


@lru_cache(maxsize=8)
def code_sha256(*roots: str) -> str:
    """SHA-256 over modules and all of this package that they import, hexadecimal.

    Comments, docstrings and layout play no part.

    Parameters
    ----------
    roots
        Full names, e.g. ``metarisk.train.members``.
    """
    waiting, code = list(roots), dict[str, str]()
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if name in code or file is None:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        waiting += _imported(tree)
        _drop_docstrings(tree)
        code[name] = ast.unparse(tree)
    digest = hashlib.sha256()
    for name in sorted(code):
        digest.update(f"{name}\0{code[name]}\0".encode())
    return digest.hexdigest()


def _file_of(name: str) -> Path | None:
    """Source of a module of this package; None where the name is something else, such as a class in one."""
    if name.split(".", maxsplit=1)[0] != PACKAGE:
        return None
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _imported(tree: ast.Module) -> Iterator[str]:
    """Names that may be modules, imports inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
