"""`metarisk validate STUDY`: all problems at once, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metarisk.cli.options import DataRoot, Input
from metarisk.errors import OutputError

if TYPE_CHECKING:
    from metarisk.schema.findings import Finding

CLEAN, ERRORS, WARNINGS = 0, 1, 3


def validate(
    study: Input,
    data_root: DataRoot = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the findings to this file as JSON.")
    ] = None,
) -> None:
    """List every problem of a study.

    Exits 0 clean, 3 warnings only, 1 errors, 2 could not run.
    """
    from metarisk.jobs.validate import validate as run

    findings = run(study, data_root=data_root)
    for finding in findings:
        typer.echo(str(finding))
    if json_file is not None:
        _write_json(json_file, study, findings)
    errors = sum(finding.level == "error" for finding in findings)
    typer.echo(f"{study}: {errors} errors, {len(findings) - errors} warnings")
    raise typer.Exit(_exit_code(findings))


def _exit_code(findings: Sequence[Finding]) -> int:
    if any(finding.level == "error" for finding in findings):
        return ERRORS
    return WARNINGS if findings else CLEAN


def _write_json(path: Path, study: Path, findings: Sequence[Finding]) -> None:
    tree = {"study": study.name, "findings": [finding.as_dict() for finding in findings]}
    try:
        path.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as caught:
        raise OutputError(
            f"{path} cannot be written ({caught.strerror})", do="Choose another file for --json."
        ) from caught
