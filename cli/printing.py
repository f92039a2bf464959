"""The two voices of a command: text for people, one JSON document for programs."""

import json

import typer
from rich.console import Console, RenderableType

from cli.failures import error_document, faults_of
from falaj.errors import FalajError


def console(*, stderr: bool = False) -> Console:
    """Return a console on the current standard streams."""
    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def answer(value: object, *text: RenderableType, as_json: bool) -> None:
    """Print a result: the whole of it as JSON, or what a person wants to see of it."""
    if as_json:
        typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    out = console()
    for part in text:
        out.print(part)


def progress(message: str, *, as_json: bool = False) -> None:
    """Say on standard error what is being done, unless a program is listening."""
    if not as_json:
        console(stderr=True).print(f"[dim]·[/] {message}")


def failure(error: FalajError, *, as_json: bool) -> None:
    """Print a failure: a JSON document on standard output, or sentences on standard error."""
    if as_json:
        answer(error_document(error), as_json=True)
        return
    err = console(stderr=True)
    for fault in faults_of(error):
        err.print("[bold red]✗[/]", fault, markup=True, soft_wrap=True)
