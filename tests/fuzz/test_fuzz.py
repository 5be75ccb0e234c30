"""A hundred cases of the fuzz, as its own command runs them; ten thousand are a command of the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_no_damaged_study_ends_in_a_traceback_or_a_silent_change():
    command = [sys.executable, str(Path(__file__).with_name("fuzz_studies.py"))]
    ran = subprocess.run(
        [*command, "--cases", "120", "--seed", "1", "--processes", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "120 cases, seed 1: 0 failed" in ran.stdout
