"""Requests that nobody would think of, made from the OpenAPI document: none may end in a 5xx."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import ENVIRONMENT, make_service, write_samples

pytestmark = pytest.mark.slow
EXAMPLES = 25


def test_no_request_that_the_document_suggests_or_forbids_ends_in_a_server_error(
    tiny_model: Any, tmp_path: Path
) -> None:
    service = make_service(tmp_path, tiny_model.folder)
    write_samples(service.root / "few.tsv", 3)
    service.set(datasets={"few": str(service.root / "few.tsv")})
    service.serve()
    words = ["run", f"{service.url}/openapi.json", "--checks", "not_a_server_error", "--no-color"]
    words += ["--max-examples", str(EXAMPLES), "--seed", "7", "--generation-database", "none"]
    words += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--mode", "all"]
    program = Path(sys.executable).with_name("schemathesis")
    try:
        ended = subprocess.run(
            [program, *words],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-1000:]
        assert "bug of ours" not in service.log()
        answers = [line.split(" api.gate ")[-1] for line in service.log().splitlines() if "api.gate" in line]
        assert len(answers) > 300
    finally:
        service.end()
