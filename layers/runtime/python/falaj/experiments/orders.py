"""What the analyst is asked: look at everything, or one person's order or question.

    {"command": {"verb": "start", "spec": {…}, "actor": …, "reason": …}}
    {"command": {"verb": "decide", "model": …, "experiment": …, "choice": "promote", "arm": …, …}}
    {"command": {"verb": "grow", "model": …, "experiment": …, "coverage": 0.4, …}}
    {"command": {"verb": "stop", "model": …, "experiment": …, …}}
    {"query": {"model": …, "experiment": …}}                    one state; without names, all
    {"report": {"model": …, "experiment": …, "form": "json", "is_fresh": false}}

Anything else, a schedule's event among it, is a reason to look at everything that runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from falaj.errors import ConfigurationError, MalformedRequestError
from falaj.experiments.lifecycle import Command
from falaj.experiments.spec import ExperimentSpec

LONGEST: Final = 1000
"""Letters of a reason or a name."""

CHOICES: Final = (Command.PROMOTE, Command.REVERT)


class Form(StrEnum):
    """How a report is wanted."""

    JSON = "json"
    HTML = "html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A person wants something changed.

    Attributes:
        command: What.
        model: Of which model.
        experiment: Which experiment.
        actor: Who wants it.
        reason: Why.
        spec: The declaration, with `start`.
        arm: The arm to promote; empty for the one that won, or the only one.
        coverage: What part of all subjects shall take part, with `grow`.
    """

    command: Command
    model: str
    experiment: str
    actor: str
    reason: str
    spec: ExperimentSpec | None = None
    arm: str = ""
    coverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A person wants to know where experiments stand; empty names mean all."""

    model: str = ""
    experiment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """A person wants to read a report.

    Attributes:
        model: Of which model.
        experiment: Which experiment.
        form: How.
        is_fresh: Whether to analyse now; otherwise the last report is given, if there is one.
    """

    model: str
    experiment: str
    form: Form = Form.JSON
    is_fresh: bool = False


class Round:
    """Look at everything that runs."""


Asked = Order | Query | ReportQuery | Round


def read_asked(event: object) -> Asked:
    """Read any event.

    Raises:
        MalformedRequestError: It is an order or question that cannot be read.

    Example:
        >>> read_asked({"query": {"model": "tashkeel"}}).model
        'tashkeel'
    """
    if isinstance(event, Mapping):
        if "command" in event:
            return _order(_part(event, "command"))
        if "query" in event:
            asked = _part(event, "query")
            return Query(
                model=_text(asked, "model", is_needed=False),
                experiment=_text(asked, "experiment", is_needed=False),
            )
        if "report" in event:
            return _report(_part(event, "report"))
    return Round()


def _order(asked: Mapping[str, Any]) -> Order:
    verb = asked.get("verb")
    actor, reason = _text(asked, "actor"), _text(asked, "reason")
    if verb == "start":
        spec = _spec(asked.get("spec"))
        return Order(
            command=Command.START,
            model=spec.model,
            experiment=spec.name,
            actor=actor,
            reason=reason,
            spec=spec,
        )
    model, experiment = _text(asked, "model"), _text(asked, "experiment")
    if verb == "stop":
        return Order(
            command=Command.STOP, model=model, experiment=experiment, actor=actor, reason=reason
        )
    if verb == "grow":
        return Order(
            command=Command.GROW,
            model=model,
            experiment=experiment,
            actor=actor,
            reason=reason,
            coverage=_part_of_all(asked.get("coverage")),
        )
    if verb != "decide":
        raise MalformedRequestError(f"verb {verb!r} is not one of start, grow, decide, stop")
    choice = asked.get("choice")
    if choice not in {command.value for command in CHOICES}:
        raise MalformedRequestError(f"choice {choice!r} is not one of promote, revert")
    return Order(
        command=Command(choice),
        model=model,
        experiment=experiment,
        actor=actor,
        reason=reason,
        arm=_text(asked, "arm", is_needed=False),
    )


def _report(asked: Mapping[str, Any]) -> ReportQuery:
    form, is_fresh = asked.get("form", Form.JSON.value), asked.get("is_fresh", False)
    if form not in {each.value for each in Form}:
        raise MalformedRequestError(f"form {form!r} is not one of json, html")
    if not isinstance(is_fresh, bool):
        raise MalformedRequestError("is_fresh is true or false")
    return ReportQuery(
        model=_text(asked, "model"),
        experiment=_text(asked, "experiment"),
        form=Form(form),
        is_fresh=is_fresh,
    )


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event[name]
    if not isinstance(part, Mapping):
        raise MalformedRequestError(f"{name} holds keys and values")
    return part


def _spec(value: object) -> ExperimentSpec:
    try:
        return ExperimentSpec.from_dict(value)
    except ConfigurationError as error:
        raise MalformedRequestError("; ".join(error.faults)) from error


def _part_of_all(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise MalformedRequestError("coverage is a number in (0, 1]: a part of all subjects")


def _text(asked: Mapping[str, Any], name: str, *, is_needed: bool = True) -> str:
    text = asked.get(name)
    if text is None and not is_needed:
        return ""
    if not isinstance(text, str) or len(text) > LONGEST or (is_needed and not text.strip()):
        raise MalformedRequestError(f"{name} is needed: a text of at most {LONGEST} letters")
    return text.strip()
