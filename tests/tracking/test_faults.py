"""What goes wrong around a registry: no server, a locked database, altered files, pickles, newer formats."""

from __future__ import annotations

import json
import os
import pickletools
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml

from metarisk.errors import BundleError, RegistryError, ResourceError
from metarisk.jobs.model_server import model_server
from metarisk.models.bundle import load_bundle
from metarisk.tracking import store
from metarisk.tracking.registry import publish_bundle, resolve
from metarisk.tracking.versions import find_version
from tests.nursery import start

CHAMPION = "models:/metarisk@champion"
SOON_S = 20.0


@pytest.fixture
def own(tiny: Any, store_in: Callable[[Path], str], tmp_path: Path) -> str:
    """A registry with one version whose files may be damaged."""
    (tmp_path / "registry").mkdir()
    uri = store_in(tmp_path / "registry")
    publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=uri)
    return uri


@pytest.fixture
def own_bundle(own: str) -> Path:
    return resolve(CHAMPION, own).folder


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


# 37: the tracking server is down, the database is locked


def test_scoring_with_a_bundle_folder_never_touches_mlflow(
    tiny: Any, study_folder: Path, tmp_path: Path
) -> None:
    words = ["score", str(tiny.folder), str(study_folder), "--out", str(tmp_path / "out")]
    code = (
        "import sys; from metarisk.cli import run; code = run(sys.argv[1:]);"
        "sys.exit(code or int('mlflow' in sys.modules))"
    )
    nowhere = os.environ | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], env=nowhere, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "scores.parquet").is_file()


def test_a_server_that_is_down_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with within(SOON_S), pytest.raises(RegistryError, match=rf"{uri} refused: .*Connection refused"):
            resolve(CHAMPION, uri)


def test_a_server_that_accepts_and_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ANSWER_WAIT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            within(SOON_S),
            pytest.raises(RegistryError, match=r"refused: timed out.*Check the tracking URI"),
        ):
            resolve(CHAMPION, uri)


def test_something_that_is_no_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(listening: socket.socket) -> None:
        caller, _ = listening.accept()
        caller.recv(1000)
        caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        caller.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        talks = threading.Thread(target=answer, args=(listening,))
        talks.start()
        with within(SOON_S), pytest.raises(RegistryError, match=r"refused: .*(does not speak HTTP|SSH)"):
            resolve(CHAMPION, f"http://127.0.0.1:{listening.getsockname()[1]}")
        talks.join()


LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_by_another_process(uri: str) -> Iterator[None]:
    path = store.sqlite_path(uri)
    words = [sys.executable, "-c", LOCK, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield
        holder.kill()


def test_a_database_that_another_process_holds_is_told(
    own: str, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LOCK_WAIT_S", 0.2)
    with locked_by_another_process(own):
        with within(SOON_S), pytest.raises(RegistryError, match="refused: database is locked"):
            resolve(CHAMPION, own)
        with within(SOON_S), pytest.raises(RegistryError, match="refused: database is locked"):
            publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=own)
        assert load_bundle(tiny.folder)
    assert resolve(CHAMPION, own).version == "1"
    assert publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=own).version == "2"


# 38: no pickle


MADE_OF = {".json", ".safetensors", ".parquet", ".md", ".yaml", ".txt", ".py", ""}


def is_pickle(content: bytes) -> bool:
    """Whether bytes, from their first on, are instructions of pickle up to a stop."""
    try:
        return any(code.name == "STOP" for code, _, _ in pickletools.genops(content))
    except Exception:
        return False


def test_the_scan_knows_a_pickle() -> None:
    import pickle

    assert all(is_pickle(pickle.dumps({"weights": [1.0]}, protocol=protocol)) for protocol in range(6))
    assert not is_pickle(b'{"weights": [1.0]}')


def test_nothing_that_is_published_is_a_pickle(own: str, own_bundle: Path) -> None:
    stored = [path for path in own_bundle.parents[1].rglob("*") if path.is_file()]
    assert len(stored) > 20
    assert {path.suffix for path in stored} <= MADE_OF
    assert not [path for path in stored if is_pickle(path.read_bytes())]
    assert not [path for path in stored if path.read_bytes().startswith(b"PK")]  # a zip, as torch.save makes


def test_the_stored_model_has_one_flavour_and_it_is_code(own: str, own_bundle: Path) -> None:
    told = yaml.safe_load((own_bundle.parents[1] / "MLmodel").read_text())
    (flavour,) = told["flavors"].values()
    assert list(told["flavors"]) == ["python_function"]
    assert "python_model" not in flavour  # where MLflow puts a pickled one
    assert flavour["model_code_path"].endswith("pyfunc_model.py")


# 39: altered after training


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


ALTERED = [
    "weights.safetensors",
    "topology/edges.parquet",
    "transform.json",
    "layout.json",
    "experiment.json",
]


@pytest.mark.parametrize("name", [*ALTERED, "calibration.safetensors", "conformal.json", "training_ids.json"])
def test_a_published_file_that_was_altered_is_refused_by_every_reader(
    own: str, own_bundle: Path, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    flip(own_bundle / name)
    sentence = rf"altered since it was saved \({name}\)"
    with pytest.raises(BundleError, match=sentence):
        resolve(CHAMPION, own)
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", own)
    with pytest.raises(BundleError, match=sentence):
        mlflow.pyfunc.load_model(CHAMPION)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json"])
def test_a_server_does_not_start_with_an_altered_model(
    own: str, own_bundle: Path, name: str, tmp_path: Path
) -> None:
    if name == "manifest.json":
        of_format(own_bundle, 99)
    else:
        flip(own_bundle / name)
    with (
        pytest.raises(ResourceError, match="the model server ended"),
        model_server(CHAMPION, own, tmp_path / "log"),
    ):
        pass
    said = (tmp_path / "log").read_text()
    assert ("altered since it was saved" in said) or ("which metarisk" in said)


# 40: a newer format


def of_format(bundle: Path, version: int) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(
        json.dumps(manifest | {"format_version": version, "metarisk": "7.1"})
    )


def test_a_bundle_of_a_newer_format_names_the_version_that_reads_it(
    own: str, own_bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    of_format(own_bundle, 99)
    sentence = "has bundle format 99, written by metarisk 7.1.*Install the version of metarisk that wrote it"
    with pytest.raises(BundleError, match=sentence):
        load_bundle(own_bundle)
    with pytest.raises(BundleError, match=sentence):
        resolve(CHAMPION, own)
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", own)
    with pytest.raises(BundleError, match=sentence):
        mlflow.pyfunc.load_model(CHAMPION)


# The alias moves last


def test_who_asks_while_versions_are_published_gets_a_whole_one(own: str, tiny: Any) -> None:
    seen, stop = [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            found = resolve(CHAMPION, own)
            seen.append((found.version, load_bundle(found.folder).sha256))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=own)
    stop.set()
    reader.join()
    versions = [int(version) for version, _ in seen]
    assert versions == sorted(versions)
    assert {sha256 for _, sha256 in seen} == {tiny.bundle.sha256}
    assert find_version(own, "metarisk", "previous").version == "3"


PUBLISH = """
import sys
from pathlib import Path
from metarisk.tracking.registry import publish_bundle
publish_bundle(Path(sys.argv[1]), name="metarisk", alias="champion", uri=sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.2, 0.8, 1.4, 2.0])
def test_a_publication_that_is_killed_leaves_the_champion(own: str, tiny: Any, after_s: float) -> None:
    publisher = start("-c", PUBLISH, str(tiny.folder), own)
    time.sleep(after_s)
    publisher.kill()
    publisher.wait()
    found = resolve(CHAMPION, own)
    assert load_bundle(found.folder).sha256 == tiny.bundle.sha256
    again = publish_bundle(tiny.folder, name="metarisk", alias="champion", uri=own)
    assert resolve(CHAMPION, own).version == again.version


def test_a_copy_of_the_registrys_file_is_no_way_around_its_hash(
    own: str, own_bundle: Path, tiny: Any
) -> None:
    """Another whole bundle in the place of the registered one."""
    from dataclasses import replace

    from metarisk.models.bundle import save_bundle

    shutil.rmtree(own_bundle)
    save_bundle(replace(tiny.bundle, card="# better"), own_bundle)
    with pytest.raises(BundleError, match="the one that was registered"):
        resolve(CHAMPION, own)
