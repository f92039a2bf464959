"""Writes docs/reference/cli.md from the commands themselves: `python -m cli.reference`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from cli.exits import Exit
from cli.main import application
from cli.shapes import ERROR, SHAPES, Shape

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
_MARKUP: Final = re.compile(r"\[/?[a-z ]*\]")
_MEANINGS: Final = {
    Exit.PASSED: "it was done",
    Exit.ERROR: "it could not be done; one sentence says why",
    Exit.MISUSE: "the command line is wrong",
    Exit.REFUSED: "it was done, and a gate said no",
    Exit.INCONCLUSIVE: "it was done, and the evidence does not suffice",
}


def reference() -> str:
    """Return the page."""
    lines = [
        "# The `falaj` command",
        "",
        "Written by `python -m cli.reference`; a test compares it with the commands.",
        "Noun, then verb; text for people, `--json` for programs, errors included.",
        "With `--json`, standard output is always exactly one JSON document.",
        "",
        "| exit | meaning |",
        "|---|---|",
        *(f"| {int(code)} | {meaning} |" for code, meaning in _MEANINGS.items()),
        "",
        "## What `--json` prints",
        "",
        "One object; each command's keys stand in its section.",
        "Keys may become more; none goes away or changes its meaning (`cli/shapes.py`).",
        "A failure is an object of these keys, whatever the command, and the exit says its kind:",
        "",
        *_shape(ERROR),
        "",
        *_commands(get_command(application()), "falaj"),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - typer's own click
    children = getattr(command, "commands", {})
    if not children:
        yield from _section(command, path)
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}")


def _section(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - as above
    yield from (f"## `{path}`", "")
    yield from (" ".join(command.help.split()), "")
    yield from ("| argument or option | |", "|---|---|")
    for parameter in command.params:
        words = ", ".join(parameter.opts) if parameter.opts[0].startswith("-") else parameter.name
        yield f"| `{words}` | {(parameter.help or '').strip()} |"
    examples = [_MARKUP.sub("", line).strip() for line in command.epilog.split("\n\n")[1:]]
    yield from ("", "```console", *examples, "```", "")
    for number, shape in enumerate(SHAPES[path.partition(" ")[2]]):
        yield from ("With `--json`, or:" if number else "With `--json`:", "", *_shape(shape), "")


def _shape(shape: Shape) -> Iterator[str]:
    yield from ("| key | |", "|---|---|")
    for key, meaning in shape.items():
        may_be = ", if there is one" if key.endswith("?") else ""
        yield f"| `{key.removesuffix('?')}`{may_be} | {meaning} |"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
