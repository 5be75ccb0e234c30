"""What the launch files of `serving/` say, read the way that their tools read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer
import yaml

from metarisk.cli.app import app

ROOT = Path(__file__).parents[2]
SERVING = ROOT / "serving"
SYSTEMD = SERVING / "systemd"


class Command(NamedTuple):
    """Words that a file starts after ``metarisk``."""

    where: str
    words: tuple[str, ...]


def parsed(words: tuple[str, ...]) -> dict[str, Any]:
    """Options as the command line reads them, whatever the environment says; an unknown word raises."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    context = command.make_context(words[0], rest)
    assert not context.args, f"{' '.join(words)}: {context.args} is no verb"
    return dict(context.params)


def containerfile() -> list[tuple[str, str]]:
    """Instructions of the Containerfile with what stands behind them, in order."""
    text = (SERVING / "Containerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(instruction, " ".join(rest.split())) for instruction, rest in pairs]


def last_stage() -> list[tuple[str, str]]:
    """Instructions of the stage that becomes the image."""
    told = containerfile()
    starts = [number for number, (instruction, _) in enumerate(told) if instruction == "FROM"]
    return told[starts[-1] :]


def image_environment() -> dict[str, str]:
    """Variables of the image."""
    words = [word for instruction, rest in last_stage() if instruction == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def compose() -> dict[str, Any]:
    """The compose file, its anchors followed."""
    read: dict[str, Any] = yaml.safe_load((SERVING / "compose.yaml").read_text())
    return read


def our_services() -> dict[str, dict[str, Any]]:
    """Services of the compose file that run our image."""
    services: dict[str, dict[str, Any]] = compose()["services"]
    return {name: service for name, service in services.items() if name != "database"}


def kubernetes() -> list[dict[str, Any]]:
    """Every object of the kustomization."""
    folder = SERVING / "kubernetes"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return [each for name in listed for each in yaml.safe_load_all((folder / name).read_text())]


def objects(kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by their names."""
    return {each["metadata"]["name"]: each for each in kubernetes() if each["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """Specifications of pods by the name of what starts them."""
    found = {name: each["spec"]["template"]["spec"] for name, each in objects("Deployment").items()}
    for name, each in objects("CronJob").items():
        found[name] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


def container(pod: dict[str, Any]) -> dict[str, Any]:
    """The one container of a pod."""
    (only,) = pod["containers"]
    read: dict[str, Any] = only
    return read


def units() -> dict[str, dict[str, list[str]]]:
    """Keys of each unit with their values, its own and those of the drop-in for all of them."""
    shared = _keys(SYSTEMD / "metarisk-.service.d" / "hardening.conf")
    found = {}
    for path in sorted(SYSTEMD.glob("*.service")):
        own = _keys(path)
        found[path.name] = {key: shared.get(key, []) + own.get(key, []) for key in {*shared, *own}}
    return found


def commands() -> Iterator[Command]:
    """Every command of ours that a launch file starts."""
    for name, service in our_services().items():
        yield Command(f"compose {name}", tuple(service["command"]))
    for name, pod in pods().items():
        yield _through_entry(f"kubernetes {name}", container(pod)["args"])
    for name, keys in units().items():
        (line,) = keys["ExecStart"]
        program, *words = shlex.split(line)
        assert Path(program).name == "metarisk"
        yield Command(name, tuple(words))


def commands_of_readme() -> list[Command]:
    """Commands of ours in the README, those that a container or a pod is told included."""
    text = (SERVING / "README.md").read_text()
    lines = [
        line.split(" #")[0]
        for block in re.findall(r"```sh\n(.*?)```", text, re.S)
        for line in block.splitlines()
    ]
    found = [re.search(r"(?:^metarisk|-- metarisk|run --rm \w+)\s+(.*)", line) for line in lines]
    return [Command("README.md", tuple(shlex.split(each[1]))) for each in found if each]


def _through_entry(where: str, args: list[str]) -> Command:
    """What the door for an inbox starts for one study, or the words themselves."""
    if args[0] != "score_new.sh":
        return Command(where, tuple(args))
    door, model, inbox, outbox = args
    line = next(line for line in (SERVING / door).read_text().splitlines() if "metarisk score" in line)
    said = {"$model": model, "$study": f"{inbox}/one/", "$outbox/$name": f"{outbox}/one"}
    words = [said.get(word, word) for word in shlex.split(line)]
    return Command(where, tuple(words[1:]))


def _keys(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found
