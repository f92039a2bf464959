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
    read = _links(pages, docs_url) if docs_url else _files(pages)
    return Text(lines=[f"## {title}", *sentences, f"Runbook: {read}"])


def _links(pages: Mapping[str, str], docs_url: str) -> str:
    return " · ".join(f"[{about}]({docs_url.rstrip('/')}/{page})" for about, page in pages.items())


def _files(pages: Mapping[str, str]) -> str:
    """Name each file once, with what it says."""
    files = dict.fromkeys(page.partition("#")[0] for page in pages.values())
    abouts = (
        ", ".join(about for about, page in pages.items() if page.startswith(file)) for file in files
    )
    told = zip(files, abouts, strict=True)
    return "; ".join(f"`docs/{file}` ({about})" for file, about in told)
