"""An alarm's description: a sentence for people, and what it means for the controller.

An alarm's name is only a name; what it watches and what red means travel in its description, which
CloudWatch hands out with every state and every event.
"""

import json
from dataclasses import dataclass
from typing import Final

from falaj.domain.observation import AlarmEffect

_OPENING: Final = " · falaj "


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmText:
    """What an alarm's description says.

    Attributes:
        model: Model name; empty for an alarm on the controller itself.
        version: The version it watches; empty when it watches all of them.
        effect: What red means for a rollout.
        kind: Which of the alarms it is, such as `total-failure`.
        says: What red says, for people.
    """

    model: str
    version: str
    effect: AlarmEffect
    kind: str
    says: str


def alarm_text(text: AlarmText) -> str:
    """Write a description.

    Example:
        >>> alarm_text(
        ...     AlarmText(
        ...         model="m",
        ...         version="13",
        ...         effect=AlarmEffect.PAUSE,
        ...         kind="throttles",
        ...         says="too many",
        ...     )
        ... )
        'm 13: too many · falaj {"model":"m","version":"13","effect":"pause","kind":"throttles"}'
    """
    facts = {
        "model": text.model,
        "version": text.version,
        "effect": text.effect.value,
        "kind": text.kind,
    }
    subject = " ".join(part for part in (text.model, text.version) if part) or "controller"
    return f"{subject}: {text.says}{_OPENING}{json.dumps(facts, separators=(',', ':'))}"


def read_alarm_text(description: str) -> AlarmText | None:
    """Read what `alarm_text` wrote; None for an alarm that is not ours or was edited by hand."""
    sentence, opening, facts = description.rpartition(_OPENING)
    if not opening:
        return None
    try:
        found = json.loads(facts)
        return AlarmText(
            model=found["model"],
            version=found["version"],
            effect=AlarmEffect(found["effect"]),
            kind=found["kind"],
            says=sentence.partition(": ")[2],
        )
    except (ValueError, KeyError, TypeError):
        return None
