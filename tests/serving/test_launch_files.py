"""Containerfile, compose, Kubernetes, units, settings and README say the same, and only what there is."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine

from metarisk import __version__
from metarisk.service.api.app import build_app
from metarisk.service.settings import Limits, Settings, load_settings
from tests.serving.launch_files import (
    ROOT,
    SERVING,
    Command,
    commands,
    commands_of_readme,
    compose,
    container,
    containerfile,
    image_environment,
    kubernetes,
    last_stage,
    objects,
    our_services,
    parsed,
    pods,
    units,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = SERVING / "service.yaml"
USER = 10001
PEAK_BYTES = 650 << 20  # of a scorer, docs/results
UNITS = {"m": 1 << 20, "g": 1 << 30, "Mi": 1 << 20, "Gi": 1 << 30, "M": 1 << 20, "G": 1 << 30}
SECRET = re.compile(
    r"mrk_[0-9a-f]{12}_|://(?!USER:PASSWORD)[^/\s:@]+:[^/\s@]+@|BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?i:password|token)[:=] ?['\"]?[\w+/-]{12,}"
)
EVERY_COMMAND = [*commands(), *commands_of_readme()]


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]+)", text).groups()  # type: ignore[union-attr]
    return int(number) * UNITS[unit]


def instructions(name: str) -> list[str]:
    """What the image's last stage says behind an instruction."""
    return [rest for instruction, rest in last_stage() if instruction == name]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(SETTINGS, {})


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Addresses of the OpenAPI document."""
    bare = Settings(data=tmp_path_factory.mktemp("data"), models={"any": "any"})
    return set(build_app(bare, create_engine("sqlite://")).openapi()["paths"])


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=lambda command: f"{command.where}: {command.words[0]}")
def test_the_command_line_takes_every_command(command: Command) -> None:
    parsed(command.words)


def test_every_verb_of_the_service_is_started_somewhere() -> None:
    for place, verbs in (
        ("compose", {"serve", "work", "watch"}),
        ("kubernetes", {"serve", "work", "score"}),
        ("metarisk-", {"serve", "work", "watch"}),
    ):
        assert {each.words[0] for each in commands() if each.where.startswith(place)} == verbs


def test_the_settings_are_those_that_the_service_reads(settings: Settings) -> None:
    assert settings.default_model == "tumours"
    assert settings.models["tumours"].startswith("models:/")
    assert settings.limits == Limits(), "the example says that limits stand at their defaults"
    assert settings.database is None, "the database's address comes from the environment"


def test_kubernetes_has_the_same_settings() -> None:
    assert objects("ConfigMap")["metarisk-settings"]["data"]["service.yaml"] == SETTINGS.read_text()


def test_the_image_has_the_python_the_extras_and_the_cap_of_the_project() -> None:
    told = dict(re.findall(r"ARG (\w+)=(\S+)", (SERVING / "Containerfile").read_text()))
    python = re.fullmatch(r"docker.io/library/python:(\d+)\.(\d+)-slim-\w+", told["BASE"])
    assert python is not None, "a slim base, pinned by its tag"
    lowest = tuple(map(int, re.findall(r"\d+", PROJECT["requires-python"])))
    assert tuple(map(int, python.groups())) >= lowest
    assert set(told["EXTRAS"].split(",")) == {"service", "mlflow"}
    assert set(told["EXTRAS"].split(",")) <= set(PROJECT["optional-dependencies"])
    assert told["TORCH"].strip('"') in PROJECT["dependencies"]
    assert told["TORCH_INDEX"].endswith("/cpu")


def test_the_last_stage_has_no_root_no_build_tool_and_a_healthcheck(routes: set[str]) -> None:
    assert instructions("USER") == [f"{USER}:{USER}"]
    assert not re.search(r"apt-get|gcc|pip install|build-essential", " ".join(instructions("RUN")))
    stages = [rest for instruction, rest in containerfile() if instruction == "FROM"]
    assert len(stages) == 2
    (check,) = instructions("HEALTHCHECK")
    (entry,) = instructions("ENTRYPOINT")
    assert re.search(r"127\.0\.0\.1:\d+(/\w+)", check)[1] in routes  # type: ignore[index]
    assert json.loads(entry) == ["/usr/local/bin/entry.sh"]
    labels = " ".join(instructions("LABEL"))
    assert f'version="{__version__}"' in labels
    assert f'licenses="{PROJECT["license"]}"' in labels


def test_what_the_build_copies_is_what_it_may_see() -> None:
    ignored = (SERVING / "Containerfile.dockerignore").read_text().splitlines()
    rules = [rule for rule in ignored if rule and not rule.startswith("#")]
    assert rules[0] == "*"
    seen = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copies = [rest.split() for instruction, rest in containerfile() if instruction == "COPY"]
    asked = {word for words in copies if "--from=build" not in words for word in words[:-1] if word[0] != "-"}
    assert asked == seen
    assert all((ROOT / name).exists() for name in seen)


def test_image_tags_are_this_version() -> None:
    images = yaml.safe_load((SERVING / "kubernetes" / "kustomization.yaml").read_text())["images"]
    assert {service["image"] for service in our_services().values()} == {f"metarisk:{__version__}"}
    assert [(image["name"], image["newTag"]) for image in images] == [("metarisk", __version__)]
    assert {container(pod)["image"] for pod in pods().values()} == {"metarisk"}
    database = compose()["services"]["database"]["image"]
    assert re.fullmatch(r"docker.io/library/postgres:\d+-\w+", database)


def test_port_and_probes_are_those_that_the_server_has(routes: set[str]) -> None:
    (port,) = instructions("EXPOSE")
    serve = container(pods()["metarisk-serve"])
    assert [str(each["containerPort"]) for each in serve["ports"]] == [port]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert serve[probe]["httpGet"]["path"] in routes
        assert serve[probe]["httpGet"]["port"] == serve["ports"][0]["name"]
    assert serve["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert objects("Service")["metarisk"]["spec"]["ports"][0]["targetPort"] == serve["ports"][0]["name"]
    for command in commands():
        if command.words[0] == "serve":
            assert str(parsed(command.words)["port"]) == port
    allowed = objects("NetworkPolicy")["metarisk-serve"]["spec"]["ingress"][0]["ports"]
    assert [str(each["port"]) for each in allowed] == [port]


def test_only_inside_a_container_does_it_listen_beyond_loopback() -> None:
    for command in commands():
        if command.words[0] == "serve":
            inside = command.where.startswith(("compose", "kubernetes"))
            assert parsed(command.words)["host"] == ("0.0.0.0" if inside else "127.0.0.1")
    published = compose()["services"]["serve"]["ports"]
    assert all(each.startswith("127.0.0.1:") for each in published)
    assert not any("ports" in service for name, service in compose()["services"].items() if name != "serve")


def test_users_agree_and_none_is_root() -> None:
    assert {service["user"] for service in our_services().values()} == {f"{USER}:{USER}"}
    for pod in pods().values():
        told = pod["securityContext"]
        assert told["runAsNonRoot"]
        assert {told[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {USER}
        assert told["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(unit["User"] == ["metarisk"] for unit in units().values())


def test_nothing_can_write_to_its_root_or_gain_rights() -> None:
    for service in our_services().values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for pod in pods().values():
        tight = container(pod)["securityContext"]
        assert tight["readOnlyRootFilesystem"]
        assert not tight["allowPrivilegeEscalation"]
        assert tight["capabilities"] == {"drop": ["ALL"]}
    for unit in units().values():
        assert (unit["ProtectSystem"], unit["NoNewPrivileges"]) == (["strict"], ["yes"])
        assert unit["CapabilityBoundingSet"] == [""]


def writable(name: str) -> set[str]:
    """Folders that a service of compose or a pod may write to."""
    if name in our_services():
        mounts = [each.split(":") for each in our_services()[name]["volumes"]]
        return {parts[min(1, len(parts) - 1)] for parts in mounts if parts[-1] != "ro"}
    mounts = container(pods()[name])["volumeMounts"]
    return {each["mountPath"] for each in mounts if not each.get("readOnly")}


@pytest.mark.parametrize("name", [*our_services(), *pods()])
def test_what_must_be_written_is_mounted(name: str, settings: Settings) -> None:
    environment = image_environment()
    folders = [environment[key] for key in ("HOME", "TMPDIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")]
    for folder in (*folders, str(settings.data)):
        assert any(Path(folder).is_relative_to(place) for place in writable(name)), folder


def test_paths_of_the_settings_are_there_wherever_they_are_read(settings: Settings) -> None:
    needed = {str(root) for root in settings.roots} | {str(settings.data)}
    for name in ("serve", "work"):
        mounted = {each.split(":")[1] for each in our_services()[name]["volumes"] if ":" in each}
        assert needed <= mounted
        assert image_environment()["METARISK_SERVICE"] in mounted
        assert needed <= {each["mountPath"] for each in container(pods()[f"metarisk-{name}"])["volumeMounts"]}
    for unit in units().values():
        assert f"METARISK_SERVICE={image_environment()['METARISK_SERVICE']}" in unit["Environment"]
        assert [f"/var/lib/{state}" for state in unit["StateDirectory"]] == [str(settings.data)]


def test_workers_can_read_what_the_watcher_took() -> None:
    folder = str(parsed(tuple(our_services()["watch"]["command"]))["folder"])
    assert folder in writable("watch")
    assert f"{folder}:{folder}:ro" in our_services()["work"]["volumes"]
    (unit,) = [keys for name, keys in units().items() if "watch" in name]
    assert unit["ReadWritePaths"] == [folder]


def test_variables_are_those_that_the_command_line_reads() -> None:
    help_text = (ROOT / "src/metarisk/cli/service.py").read_text()
    help_text += (ROOT / "src/metarisk/cli/options.py").read_text()
    known = set(re.findall(r'envvar="(\w+)"', help_text))
    told = set(image_environment()) | {key for each in our_services().values() for key in each["environment"]}
    told |= set(objects("ConfigMap")["metarisk-environment"]["data"])
    told |= {each["name"] for pod in pods().values() for each in container(pod).get("env", [])}
    told |= {
        word.split("=")[0]
        for unit in units().values()
        for line in unit["Environment"]
        for word in line.split()
    }
    ours = {name for name in told if name.startswith(("METARISK_", "MLFLOW_TRACKING"))}
    assert ours == {"METARISK_SERVICE", "METARISK_DATABASE", "MLFLOW_TRACKING_URI"}
    assert ours <= known


def test_references_lead_somewhere() -> None:
    maps, claims = objects("ConfigMap"), objects("PersistentVolumeClaim")
    for pod in pods().values():
        assert pod["serviceAccountName"] in objects("ServiceAccount")
        volumes = {each["name"]: each for each in pod["volumes"]}
        for mount in container(pod)["volumeMounts"]:
            volume = volumes[mount["name"]]
            assert volume.get("configMap", {"name": "metarisk-settings"})["name"] in maps
            assert volume.get("persistentVolumeClaim", {"claimName": "metarisk-data"})["claimName"] in claims
        assert {each["configMapRef"]["name"] for each in container(pod)["envFrom"]} <= set(maps)
    told = compose()
    for service in told["services"].values():
        assert set(service["secrets"]) <= set(told["secrets"])
        assert set(service["networks"]) <= set(told["networks"])
        named = {each.split(":")[0] for each in service["volumes"] if ":" in each and each[0] not in "./"}
        assert named <= set(told["volumes"])
        waits = service.get("depends_on", {})
        assert all(each["condition"] == "service_healthy" for each in waits.values())
        assert all("test" in told["services"][name]["healthcheck"] for name in waits)


def test_selectors_find_the_pods_that_they_mean() -> None:
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in objects("Deployment").values()]
    selectors = [objects("Service")["metarisk"]["spec"]["selector"]]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in objects("Deployment").values()]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in objects("PodDisruptionBudget").values()]
    selectors += [each["spec"]["podSelector"]["matchLabels"] for each in objects("NetworkPolicy").values()]
    for selector in selectors:
        assert any(selector.items() <= told.items() for told in labels), selector


def test_only_the_server_is_asked_for_its_health() -> None:
    for name, service in our_services().items():
        listens = service["command"][0] == "serve"
        assert ("test" in service["healthcheck"]) is listens, name
        if listens:
            assert service["healthcheck"]["test"][-1] in instructions("HEALTHCHECK")[0]


def test_limits_of_memory_hold_what_scoring_needs() -> None:
    told = [service["deploy"]["resources"]["limits"]["memory"] for service in our_services().values()]
    told += [container(pod)["resources"]["limits"]["memory"] for pod in pods().values()]
    told += [unit["MemoryHigh"][0] for unit in units().values()]
    assert min(map(size, told)) > 1.5 * PEAK_BYTES
    asked = [container(pod)["resources"]["requests"]["memory"] for pod in pods().values()]
    assert min(map(size, asked)) > PEAK_BYTES


def test_two_workers_a_night_without_overlap_and_no_second_try_of_a_refusal() -> None:
    assert compose()["services"]["work"]["deploy"]["replicas"] == 2
    assert objects("Deployment")["metarisk-work"]["spec"]["replicas"] == 2
    night = objects("CronJob")["metarisk-nightly"]["spec"]
    assert night["concurrencyPolicy"] == "Forbid"
    job = night["jobTemplate"]["spec"]
    refusal = job["podFailurePolicy"]["rules"][0]
    assert (refusal["action"], refusal["onExitCodes"]["values"]) == ("FailJob", [1, 2])
    pod = job["template"]["spec"]
    assert (pod["restartPolicy"], refusal["onExitCodes"]["containerName"]) == (
        "Never",
        container(pod)["name"],
    )


def test_a_worker_has_time_to_end_the_part_at_hand(settings: Settings) -> None:
    grace = pods()["metarisk-work"]["terminationGracePeriodSeconds"]
    (unit,) = [keys for name, keys in units().items() if "work" in name]
    assert our_services()["work"]["stop_grace_period"] == "2m"
    assert grace == int(unit["TimeoutStopSec"][0]) == 120
    assert grace > settings.lease_s


def test_no_file_holds_a_secret() -> None:
    for path in sorted(SERVING.rglob("*")):
        if path.is_file():
            found = SECRET.search(path.read_text())
            assert found is None, f"{path.name}: {found and found[0]}"
    for each in compose()["secrets"].values():
        assert Path(each["file"]).is_absolute(), "a secret lies outside of every working tree"
    assert not [each for each in kubernetes() if each["kind"] == "Secret"]


def test_every_object_is_in_the_namespace_and_listed() -> None:
    folder = SERVING / "kubernetes"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in folder.glob("*.yaml")} == {*listed, "kustomization.yaml"}
    spaces: set[Any] = {
        each["metadata"].get("namespace") for each in kubernetes() if each["kind"] != "Namespace"
    }
    assert spaces == {"metarisk"}


def test_the_readme_names_every_file() -> None:
    text = (SERVING / "README.md").read_text()
    for path in sorted(SERVING.iterdir()):
        assert path.name == "README.md" or f"`{path.name}" in text, path.name
