from __future__ import annotations

import subprocess
import sys
import time

import pytest

from metarisk import __version__

# typer itself imports pydantic to describe a verb's options.
HEAVY = ("torch", "torch_geometric", "mlflow", "pandas", "numpy", "sklearn", "scipy", "pyarrow", "yaml")
VERBS = (
    "quickstart",
    "pretrain",
    "train",
    "search",
    "evaluate",
    "publish",
    "score",
    "explain",
    "report",
    "export",
    "validate",
    "ingest",
    "fetch",
    "models",
    "perturb",
    "trajectory",
    "topology",
    "benchmark",
    "serve",
    "work",
    "watch",
)
PAGES = [[], *([verb] for verb in VERBS), ["topology", "show"], ["topology", "summary"], ["topology", "diff"]]
PAGES += [["models", verb] for verb in ("list", "show", "compare", "promote", "rollback")]
PAGES += [
    ["benchmark", "store"],
    ["benchmark", "reading"],
    ["benchmark", "compare"],
    ["benchmark", "speed"],
    ["benchmark", "score-speed"],
    ["benchmark", "consumers"],
]
PAGES += [["serve", "token"], ["serve", "token", "add"]]

IMPORTED = """
import sys
from metarisk.cli import run
for page in PAGES:
    assert run([*page, "--help"]) == 0
print("heavy:", *sorted(set(HEAVY) & set(sys.modules)))
"""


def test_no_help_page_imports_anything_heavy() -> None:
    code = f"PAGES = {PAGES!r}\nHEAVY = {HEAVY!r}\n{IMPORTED}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1].strip() == "heavy:"
    assert ended.stdout.count("Usage: ") == len(PAGES)


def test_help_is_there_at_once() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "metarisk", "--help"], capture_output=True, check=True)
        return time.perf_counter() - started

    # 0.12 s on an idle machine; the best of three on a busy one.
    assert min(seconds() for _ in range(3)) < 0.6


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_names_every_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from metarisk.cli import run

    assert run(["--help"]) == 0
    assert f"\n  {verb} " in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from metarisk.cli import run

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"metarisk {__version__}\n"
