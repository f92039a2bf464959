"""Writes the table in docs/reference/local-region.md: `python -m local_region.reference`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from local_region.fidelity import gaps
from local_region.resources.registry import KINDS

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "local-region.md"
BEGIN: Final = "<!-- begin: written by python -m local_region.reference -->"
END: Final = "<!-- end -->"


def table() -> str:
    """Return the tables of gaps and of known types as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "| what | not emulated |"
    yield "|---|---|"
    for gap in gaps():
        yield f"| {gap.what} | {gap.sentence} |"
    yield ""
    yield "Known types; any other is an error that names it:"
    yield ""
    for name in sorted(KINDS):
        yield f"- `{name}`"


def written(page: str) -> str:
    """Return the page with its tables as they are now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
