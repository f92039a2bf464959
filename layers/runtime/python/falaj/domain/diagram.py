"""The rollout's picture, drawn from its table: `python -m falaj.domain.diagram FILE` redraws it."""

import sys
from pathlib import Path
from typing import Final

from falaj.domain.rollout import LIVE, TRANSITIONS, Event, Phase

_OPENING: Final = "```mermaid\n"
_CLOSING: Final = "```\n"
_LIVE: Final = "live"


def mermaid() -> str:
    """Return the table as a Mermaid state diagram.

    What holds in every live phase is drawn once, from a node that stands for all of them; refusals
    change no phase and are left out.
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for (phase, event), to in TRANSITIONS.items():
        if event is Event.REFUSED:
            continue
        is_general = phase in LIVE and _holds_in_all_live(event, to)
        events = arrows.setdefault((_LIVE if is_general else phase.value, to.value), [])
        if event.value not in events:
            events.append(event.value)
    lines = [
        "stateDiagram-v2",
        f'    state "any of: {", ".join(LIVE)}" as {_LIVE}',
        "    [*] --> idle",
        *(f"    {a} --> {b}: {', '.join(events)}" for (a, b), events in arrows.items()),
    ]
    return "\n".join(lines) + "\n"


def redrawn(document: str) -> str:
    """Return the document with its Mermaid block drawn anew.

    Raises:
        ValueError: It has no Mermaid block.
    """
    before, opening, rest = document.partition(_OPENING)
    _, closing, after = rest.partition(_CLOSING)
    if not (opening and closing):
        raise ValueError("the document has no ```mermaid block to redraw")
    return f"{before}{opening}{mermaid()}{closing}{after}"


def _holds_in_all_live(event: Event, to: Phase) -> bool:
    return all(TRANSITIONS.get((phase, event)) is to for phase in LIVE)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_text(redrawn(Path(name).read_text("utf-8")), "utf-8")
