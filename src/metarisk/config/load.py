"""Read a configuration file: the key's path in every refusal, the nearest key suggested."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from metarisk.config.alternatives import is_tag, tag_of
from metarisk.config.experiment import Experiment
from metarisk.config.section import Section
from metarisk.config.study import StudyFile
from metarisk.errors import ConfigError, nearest

SectionT = TypeVar("SectionT", bound=Section)


def load_experiment(path: Path) -> Experiment:
    """Read one complete experiment.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, or a key is unknown or out of range.
    """
    return _load(path, Experiment)


def load_study_file(path: Path) -> StudyFile:
    """Read a study file; raises `ConfigError` like `load_experiment`."""
    return _load(path, StudyFile)


def load_section(path: Path, kind: type[SectionT]) -> SectionT:
    """Read a file whose keys are those of a section; raises `ConfigError` like `load_experiment`."""
    return _load(path, kind)


def _load(path: Path, kind: type[SectionT]) -> SectionT:
    tree = _read_yaml(path)
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise _refusal(path, kind, error) from error


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist", do="Check the path of the configuration file.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise ConfigError(f"{path} is not YAML ({where})", do="Mend the file at that line.") from error
    if not isinstance(tree, Mapping):
        raise ConfigError(
            f"{path} holds {type(tree).__name__}",
            expected="keys and values",
            do="See configs/ for an example.",
        )
    return tree


def _refusal(path: Path, kind: type[BaseModel], error: ValidationError) -> ConfigError:
    # A misspelt key is also a missing one: the misspelling says more.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    more = f" ({error.error_count() - 1} more problems in the file)" if error.error_count() > 1 else ""
    key = ".".join(str(part) for part in first["loc"] if not is_tag(part)) or "the file"
    if first["type"] == "extra_forbidden":
        advice = nearest(str(first["loc"][-1]), _keys_at(kind, first["loc"][:-1]))
        return ConfigError(f"{path.name}: {key} is not a key of this file{more}", do=advice)
    return ConfigError(
        f"{path.name}: {key} is {_shown(first)}{more}", expected=_expected(first), do="Change it."
    )


def _shown(problem: ErrorDetails) -> str:
    return "missing" if problem["type"] == "missing" else repr(problem["input"])[:80]


def _expected(problem: ErrorDetails) -> str:
    text = problem["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _keys_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Fields of the section at a location; walks through every annotation that holds sections."""
    sections: list[type[BaseModel]] = [kind]
    for part in location:
        if is_tag(part):
            sections = [section for section in sections if tag_of(section) == part] or sections
        field = sections[0].model_fields.get(str(part))
        sections = (_sections_in(field.annotation) if field is not None else []) or sections
    return list(sections[0].model_fields)


def _sections_in(annotation: Any) -> list[type[BaseModel]]:
    """Every section of an annotation, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections_in(inner)]
