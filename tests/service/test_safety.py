"""Tokens, and a service that does not listen to others without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from metarisk.cli import run
from metarisk.errors import ConfigError, InputError
from metarisk.service.api.server import check_host
from metarisk.service.database import open_database
from metarisk.service.settings import load_settings
from metarisk.service.tokens import Tokens
from tests.service.conftest import Service, make_service, write_samples

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    engine = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    yield Tokens(engine)
    engine.dispose()


def test_a_token_opens_until_it_is_revoked(tokens: Tokens) -> None:
    token = tokens.add("ada")
    assert tokens.holder(token) == "ada"
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert [tokens.holder(wrong) for wrong in (changed, "", "mrk_x", token + "x")] == [None] * 4
    tokens.revoke("ada")
    assert tokens.holder(token) is None
    with pytest.raises(InputError, match="no token 'ada' to revoke"):
        tokens.revoke("ada")


def test_a_revoked_name_is_not_given_again_and_the_service_stays_closed(tokens: Tokens) -> None:
    assert not tokens.needed()
    tokens.add("ada")
    tokens.revoke("ada")
    assert tokens.needed()
    with pytest.raises(InputError, match="the name 'ada' was used before"):
        tokens.add("ada")
    with pytest.raises(InputError, match="cannot name a token"):
        tokens.add("Jane Doe")


def test_the_database_holds_a_salted_hash_and_no_token(tokens: Tokens, tmp_path: Path) -> None:
    made = [tokens.add("ada"), tokens.add("bob")]
    with sqlite3.connect(tmp_path / "service.db") as database:
        stored = "\n".join(database.iterdump())
    database.close()
    secrets = [token.split("_", 2)[2] for token in made]  # which may hold a "_" of their own
    assert all(len(secret) > 40 for secret in secrets)
    assert not any(secret in stored for secret in secrets)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "::1", "localhost"])
def test_this_machine_alone_may_ask_without_a_token(tokens: Tokens, host: str) -> None:
    check_host(host, tokens)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_others_may_not_even_listen_without_a_token_that_opens(tokens: Tokens, host: str) -> None:
    with pytest.raises(ConfigError, match=r"has no token; expected 127\.0\.0\.1, or at least one token"):
        check_host(host, tokens)
    tokens.add("ada")
    check_host(host, tokens)
    tokens.revoke("ada")
    with pytest.raises(ConfigError, match="has no token"):
        check_host(host, tokens)


def test_the_verb_refuses_to_listen_beyond_loopback(tmp_path: Path, capsys: Captured) -> None:
    data = str(tmp_path / "data")
    assert run(["serve", "--data", data, "--model", "m", "--host", "0.0.0.0"]) == 2
    assert "metarisk serve token add NAME" in capsys.readouterr().err


def test_tokens_are_made_listed_and_revoked_by_verbs(tmp_path: Path, capsys: Captured) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert run(["serve", "token", "add", "ada", *data]) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("mrk_")
    assert run(["serve", "token", "revoke", "ada", *data]) == 0
    assert run(["serve", "token", "list", *data]) == 0
    shown = capsys.readouterr().out
    assert "ada" in shown
    assert "revoked" in shown
    assert token not in shown
    assert run(["serve", "token", "revoke", "bob", *data]) == 2


def test_settings_are_told_by_their_keys(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("data: d\nmodles: {a: b}\n")
    with pytest.raises(ConfigError, match=r"modles is not a key of this file.*'models'"):
        load_settings(file, {})
    with pytest.raises(ConfigError, match=r"models: Field required.*Pass --config FILE"):
        load_settings(None, {"data": tmp_path})
    file.write_text("data: d\nmodels: {a: b}\ndefault_model: c\n")
    with pytest.raises(ConfigError, match="names of `models`"):
        load_settings(file, {})
    file.write_text("data: d\nmodels: {a: b, c: 'models:/m@champion'}\n")
    settings = load_settings(file, {"roots": [tmp_path]})
    assert settings.models == {"a": str(tmp_path / "b"), "c": "models:/m@champion"}
    assert settings.database_uri == f"sqlite:///{tmp_path / 'd' / 'service.db'}"
    assert settings.model("models:/m@champion") == ("c", "models:/m@champion")


@pytest.mark.slow
def test_with_tokens_each_holder_sees_their_own_jobs_and_nobody_else_any(
    tiny_model: Any, tmp_path: Path
) -> None:
    service: Service = make_service(tmp_path, tiny_model.folder)
    write_samples(service.root / "few.tsv", 3)
    (tmp_path / "data").mkdir()
    engine = open_database(load_settings(service.config, {}).database_uri)
    tokens = Tokens(engine)
    ada, bob = ({"Authorization": f"Bearer {tokens.add(name)}"} for name in ("ada", "bob"))
    service.serve()
    try:
        job = service.submit("few.tsv", headers=ada)
        address = f"{service.url}/v1/jobs/{job}"
        assert httpx.get(address, headers=ada).status_code == 200
        assert httpx.get(address, headers=bob).status_code == 404
        assert httpx.delete(address, headers=bob).status_code == 404
        assert httpx.get(f"{service.url}/v1/jobs", headers=bob).json() == {"jobs": []}
        closed = ("/v1/jobs", "/v1/models", "/metrics", f"/v1/jobs/{job}")
        answers = [httpx.get(f"{service.url}{path}") for path in closed]
        assert {answer.status_code for answer in answers} == {401}
        assert answers[0].headers["www-authenticate"] == "Bearer"
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        tokens.revoke("ada")
        assert httpx.get(address, headers=ada).status_code == 401
    finally:
        service.end()
        engine.dispose()
