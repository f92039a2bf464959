"""The text at the head of a dashboard: what to type and what to read when something is red."""

from collections.abc import Iterable, Mapping
from typing import Final

from infra.dashboards.widgets import Text

FIRST_COMMANDS: Final = "First: `falaj rollout status {model}`, `history`, `abort --reason …`."
RUNBOOK: Final = "runbook.md#what-happens-when-"
ALARMS: Final = "reference/alarms.md"


def head(title: str, sentences: Iterable[str], pages: Mapping[str, str], docs_url: str) -> Text:
    """Write a dashboard's head.

    Args:
        title: What the dashboard is about.
        sentences: What is to be known.
        pages: By what they are about, pages of the documentation, from its folder on.
        docs_url: Where a copy of that folder can be read; empty where none can.
    """
    links = " · ".join(_link(about, page, docs_url) for about, page in pages.items())
    return Text(lines=[f"## {title}", *sentences, f"Runbook: {links}"])


def _link(about: str, page: str, docs_url: str) -> str:
    return f"[{about}]({docs_url.rstrip('/')}/{page})" if docs_url else f"{about} (`docs/{page}`)"
