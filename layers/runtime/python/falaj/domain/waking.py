"""What woke the controller. It only says where to look: what is decided depends on what is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from falaj.contract import MODELS_PARAMETER_ROOT
from falaj.domain.alarm_text import read_alarm_text
from falaj.domain.observation import Command, Verb
from falaj.errors import MalformedRequestError

APPROVE: Final = "approve"
"""A command of its own: it moves nothing, it lets a model of high risk get its first share."""

_PARAMETER_CHANGE: Final = "Parameter Store Change"
_ALARM_CHANGE: Final = "CloudWatch Alarm State Change"
_LENGTH: Final = 1000


class Kind(StrEnum):
    """Why the controller runs."""

    TICK = "tick"
    CHANGE = "change"
    COMMAND = "command"
    APPROVAL = "approval"
    QUERY = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Somebody answers for a version; it is empty for the candidate."""

    version: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waking:
    """What a waking event asks for.

    Attributes:
        kind: Why the controller runs.
        model: Whom it is about; empty for every model that needs a look.
        command: The operator's wish, not yet numbered; its version is empty for the live candidate.
        approval: With that kind.
    """

    kind: Kind
    model: str = ""
    command: Command | None = None
    approval: Approval | None = None


def read_waking(event: object) -> Waking:
    """Read any event; one that is not known is a reason to look at everything.

    Raises:
        MalformedRequestError: It is a command or query that cannot be read.

    Example:
        >>> read_waking({"query": {"model": "tashkeel"}}).model
        'tashkeel'

    Source:
        docs.aws.amazon.com/systems-manager/latest/userguide/
        monitoring-systems-manager-event-examples.html (`detail.name`) and
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
        (`detail.configuration.description`).
    """
    if not isinstance(event, Mapping):
        return Waking(kind=Kind.TICK)
    if "query" in event:
        return Waking(kind=Kind.QUERY, model=_model(event["query"]))
    if "command" in event:
        return _commanded(event["command"])
    detail = event.get("detail")
    detail = detail if isinstance(detail, Mapping) else {}
    if event.get("detail-type") == _PARAMETER_CHANGE:
        return _change(model_of(str(detail.get("name", ""))))
    if event.get("detail-type") == _ALARM_CHANGE:
        return _change(_alarmed(detail))
    return Waking(kind=Kind.TICK)


def model_of(parameter: str) -> str:
    """Return the model that a parameter is about; empty when it is about none.

    Example:
        >>> model_of("/falaj/models/tashkeel/desired-release")
        'tashkeel'
    """
    before, _, rest = parameter.partition(f"{MODELS_PARAMETER_ROOT}/")
    return "" if before else rest.partition("/")[0]


def _change(model: str) -> Waking:
    return Waking(kind=Kind.CHANGE, model=model)


def _alarmed(detail: Mapping[str, Any]) -> str:
    configuration = detail.get("configuration")
    described = configuration.get("description") if isinstance(configuration, Mapping) else None
    text = read_alarm_text(str(described or ""))
    return text.model if text else ""


def _model(asked: object) -> str:
    model = asked.get("model") if isinstance(asked, Mapping) else None
    if not isinstance(model, str) or not model:
        raise MalformedRequestError('name the model: {"model": "…"}')
    return model


def _commanded(asked: object) -> Waking:
    model = _model(asked)
    given: Mapping[str, Any] = asked if isinstance(asked, Mapping) else {}
    verb = given.get("verb")
    if not isinstance(verb, str) or verb not in {*Verb, APPROVE}:
        raise MalformedRequestError(f"verb {verb!r} is not one of {', '.join([*Verb, APPROVE])}")
    reason, actor = _said(given, "reason"), _said(given, "actor")
    version = given.get("version") or ""
    if version and not (isinstance(version, str) and version.isascii() and version.isdigit()):
        raise MalformedRequestError("version names a published version, such as 13")
    skip_guard = given.get("skip_guard", False)
    if not isinstance(skip_guard, bool) or (skip_guard and verb != Verb.PROMOTE):
        raise MalformedRequestError("skip_guard is true or false, and true only with promote")
    if verb == APPROVE:
        approval = Approval(version=version, actor=actor, reason=reason)
        return Waking(kind=Kind.APPROVAL, model=model, approval=approval)
    command = Command(
        serial=0,
        verb=Verb(verb),
        version=version,
        reason=reason,
        actor=actor,
        skip_guard=skip_guard,
    )
    return Waking(kind=Kind.COMMAND, model=model, command=command)


def _said(given: Mapping[str, Any], name: str) -> str:
    text = given.get(name)
    if not isinstance(text, str) or not text.strip() or len(text) > _LENGTH:
        raise MalformedRequestError(f"{name} is needed: a text of at most {_LENGTH} letters")
    return text.strip()
