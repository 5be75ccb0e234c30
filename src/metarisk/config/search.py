"""What a search over settings may choose: a space of dotted keys, checked against the experiment itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, Tag, ValidationError, model_validator

from metarisk.config.alternatives import by_keys, tag_of
from metarisk.config.section import Section
from metarisk.errors import ConfigError, nearest

ExperimentT = TypeVar("ExperimentT", bound=Section)
Value = bool | int | float | str | tuple[int | float | str, ...] | None

FREE = ("features", "network", "training")  # sections whose settings may be searched
# Settings that no search may move, and why; a section stands for all of its keys.
FIXED = {
    "evaluation": "it says which patients judge the result, and those must not be chosen to suit it",
    "benchmark": "it says which patients judge the result, and those must not be chosen to suit it",
    "cohort": "other patients are another question",
    "cohorts": "other patients are another question",
    "pretraining": "it is a job of its own",
    "training.pretrained": "a search starts from random weights",
    "training.finetune": "a search starts from random weights",
    "simulation": "other patients are another question",
    "tasks": "losses of different questions cannot be compared",
    "seed": "a lucky seed is no setting",
    "topology": "the graph is what an experiment is about: compare graphs as experiments of their own",
    "training.folds": "trials are compared on the same folds",
    "training.seeds": "a trial fits one member a fold",
    "training.device": "it changes where the work is done, not the model",
    "training.processes_per_member": "it changes where the work is done, not the model",
    "training.checkpoint_every": "it changes no model",
    "calibration": "calibration comes after the fits that a search judges",
    "gates": "it says when a model is good enough, which the model must not decide",
    "tracking": "it changes no model",
    "search": "a search does not search itself",
    "name": "it changes no model",
    "description": "it changes no model",
}


class Span(Section):
    """Numbers from one end to another; whole numbers where the setting is one.

    Attributes
    ----------
    low, high
        Ends, both included.
    log
        Draw evenly on the logarithm.
    step
        Distance of neighbouring values; from ``low`` to ``high`` there are whole steps.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ends_and_steps_agree(self) -> Span:
        if self.low >= self.high:
            raise ValueError("low must lie below high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and takes no step")
        steps = (self.high - self.low) / self.step if self.step else 1.0
        if abs(steps - round(steps)) > 1e-9:
            raise ValueError("high must lie a whole number of steps above low")
        return self

    @property
    def tried(self) -> tuple[Value, ...]:
        """Values that a field must accept for all between them to be accepted."""
        return (self.low, self.high, *(() if self.step is None else (self.low + self.step,)))

    def holds(self, value: float) -> bool:
        """True for a value between the ends, on a step where there are steps."""
        steps = (value - self.low) / self.step if self.step else 0.0
        return self.low <= value <= self.high and abs(steps - round(steps)) < 1e-9


class Choices(Section):
    """One of several values.

    Attributes
    ----------
    choices
        At least two, all different.
    """

    choices: tuple[Value, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _all_different(self) -> Choices:
        if len({repr(choice) for choice in self.choices}) < len(self.choices):
            raise ValueError("choices must differ")
        return self

    @property
    def tried(self) -> tuple[Value, ...]:
        """Values that a field must accept."""
        return self.choices


Dimension = Annotated[
    Annotated[Span, Tag(tag_of(Span))] | Annotated[Choices, Tag(tag_of(Choices))], by_keys(Span, Choices)
]


class FoundSection(Section):
    """What a search found; written by it, so that a result says where its settings come from.

    Attributes
    ----------
    trials, pruned
        Trials that were judged to their end, and trials that were stopped.
    trial
        Number of the best one.
    value
        Its metric on the inner folds: the least of so many, so a new patient will see a worse one.
    """

    trials: int = Field(ge=1)
    pruned: int = Field(ge=0)
    trial: int = Field(ge=0)
    value: float


class SearchSection(Section):
    """A search over settings on folds of the training patients; the held-out patients play no part.

    Attributes
    ----------
    trials
        Settings to try, stopped ones among them.
    timeout_minutes
        Start no further trial after this time of one process.
    folds
        Inner folds that judge a trial, of the ``training.folds`` that there are.
    metric
        ``valid_loss``: mean over the inner folds of the held-out loss at its best epoch, lower is better;
        ``auroc``: mean over folds and yes / no targets, higher is better.
    space
        Setting -> where it may lie, e.g. ``training.learning_rate: {low: 1e-3, high: 3e-2, log: true}``.
    found
        Left by a search in its best configuration.
    """

    trials: int = Field(default=30, ge=1, le=10_000)
    timeout_minutes: float | None = Field(default=None, gt=0.0)
    folds: int = Field(default=3, ge=1, le=20)
    metric: Literal["valid_loss", "auroc"] = "valid_loss"
    space: dict[str, Dimension] = Field(min_length=1)
    found: FoundSection | None = Field(default=None, exclude_if=lambda found: found is None)


def check_search(experiment: Section, section: SearchSection, folds: int) -> None:
    """Refuse a space that names no setting, a value that its setting refuses, or more folds than there are.

    Parameters
    ----------
    experiment
        What the search would vary.
    section
        The search.
    folds
        Folds of the training patients.

    Raises
    ------
    ConfigError
        With the key; a misspelt one with the nearest.
    """
    if section.folds > folds:
        raise ConfigError(
            f"search.folds is {section.folds}", expected=f"at most training.folds, {folds}", do="Lower it."
        )
    plain = experiment.model_copy(update={"search": None})
    for key, dimension in section.space.items():
        check_key(key, type(experiment), "search.space")
        if isinstance(dimension, Span) and number_kind(type(experiment), key) is None:
            raise ConfigError(
                f"search.space: {key} is no number", do="List the values to try as {choices: [...]}."
            )
        for value in dimension.tried:
            with_settings(plain, {key: value})


def with_settings(
    experiment: ExperimentT, settings: Mapping[str, Any], where: str = "search.space"
) -> ExperimentT:
    """The experiment with settings replaced, checked like one that was read.

    ``where`` names the section that the settings stand in.

    Raises
    ------
    ConfigError
        If a setting refuses its value, or settings do not go together.
    """
    tree = experiment.model_dump()
    for key, value in settings.items():
        *sections, name = key.split(".")
        place = tree
        for section in sections:
            place[section] = place[section] or {}
            place = place[section]
        place[name] = value
    try:
        return type(experiment).model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or ", ".join(settings)
        told = first["msg"].removeprefix("Value error, ")
        value = settings.get(key, dict(settings))
        raise ConfigError(
            f"{where}: {key} cannot be {value!r}",
            expected=told[:1].lower() + told[1:],
            do="Keep to what the setting accepts.",
        ) from error


def setting(experiment: BaseModel, key: str) -> Any:
    """Value of a dotted key; None where its section is absent."""
    value: Any = experiment
    for part in key.split("."):
        value = getattr(value, part, None)
    return value


def setting_keys(kind: type[BaseModel]) -> Iterator[str]:
    """Dotted keys of all settings of a section and those below it."""
    for name, field in kind.model_fields.items():
        section = _section_in(field.annotation)
        if section is None:
            yield name
        else:
            yield from (f"{name}.{key}" for key in setting_keys(section))


def number_kind(kind: type[BaseModel], key: str) -> type[int] | type[float] | None:
    """``int`` for a setting in whole numbers, ``float`` for another number, None for no number."""
    name, _, rest = key.partition(".")
    annotation = kind.model_fields[name].annotation
    section = _section_in(annotation)
    if rest and section is not None:
        return number_kind(section, rest)
    kinds = {annotation, *get_args(annotation)}
    return float if float in kinds else int if int in kinds else None


def check_key(key: str, kind: type[BaseModel], where: str) -> None:
    """Refuse a key that is no setting, or one that must not be chosen; ``where`` names its section.

    Raises
    ------
    ConfigError
        With the reason; a misspelt key with the nearest.
    """
    parts = key.split(".")
    for length in range(1, len(parts) + 1):
        reason = FIXED.get(".".join(parts[:length]))
        if reason:
            raise ConfigError(f"{where}: {key} may not be searched: {reason}", do="Take it out of the space.")
    free = [known for known in setting_keys(kind) if not _is_fixed(known)]
    if key not in free:
        raise ConfigError(f"{where}: {key} is no setting of an experiment", do=nearest(key, free))


def _is_fixed(key: str) -> bool:
    named = any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED)
    return named or key.partition(".")[0] not in FREE


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation holds, itself or as an option; None for any other."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None
