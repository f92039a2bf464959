"""The command's entry: the table of nouns and verbs, and how every failure ends."""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.exceptions import TyperException

from cli import audit, doctor, drift, infer, models, rehearse, shed, synth, token, up
from cli.batch import verbs as batch
from cli.exits import Exit
from cli.experiment import verbs as experiment
from cli.failures import CommandError, exit_of
from cli.options import example
from cli.printing import failure
from cli.rollout import verbs as rollout
from falaj.errors import FalajError

VERBS: Final[tuple[tuple[str, Callable[..., Any], str], ...]] = (
    ("up", up.up, up.EXAMPLE),
    ("synth", synth.synth, synth.EXAMPLE),
    ("infer", infer.infer, infer.EXAMPLE),
    ("token", token.token, token.EXAMPLE),
    ("rehearse", rehearse.rehearse, rehearse.EXAMPLE),
    ("doctor", doctor.doctor, doctor.EXAMPLE),
    ("shed", shed.shed, shed.EXAMPLE),
)
"""Commands of one word: name, function, the example that ends its help."""

NOUNS: Final[tuple[tuple[str, typer.Typer], ...]] = (
    ("models", models.app),
    ("rollout", rollout.app),
    ("experiment", experiment.app),
    ("audit", audit.app),
    ("drift", drift.app),
    ("batch", batch.app),
)
"""Commands of two words; a noun's verbs are registered in its own module."""


class UsageRefusedError(CommandError):
    """The command line was not understood."""

    code = "misuse"
    exit = Exit.MISUSE


class InternalError(CommandError):
    """Something failed that no command foresaw."""

    code = "internal"


class InterruptedError(CommandError):  # noqa: A001 - the exit of a command, never the OS error
    """The reader pressed Ctrl-C."""

    code = "interrupted"


def application() -> typer.Typer:
    """Return the command line, made from the two tables."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        epilog=example("falaj up"),
        help=(
            "Falaj: serverless inference on AWS, pinned to me-central-1, "
            "with rollouts that can be rehearsed here."
        ),
    )
    app.callback()(_root)
    for name, command, epilog in VERBS:
        app.command(name, epilog=epilog)(command)
    for name, noun in NOUNS:
        app.add_typer(noun, name=name)
    return app


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; print a failure, never a traceback.

    Args:
        arguments: The words after `falaj`. `--debug` lets an unforeseen error keep its traceback.
    """
    as_json = "--json" in arguments
    try:
        result = application()(args=list(arguments), prog_name="falaj", standalone_mode=False)
    except Exception as error:
        if "--debug" in arguments:
            raise
        shown = _translate(error)
    except KeyboardInterrupt:
        shown = InterruptedError("interrupted")
    else:
        return int(result) if isinstance(result, int) else Exit.PASSED
    if str(shown):
        failure(shown, as_json=as_json)
    return exit_of(shown)


def _translate(error: Exception) -> FalajError:
    if isinstance(error, FalajError):
        return error
    if isinstance(error, TyperException):
        sentence = getattr(error, "format_message", lambda: str(error))()
        return UsageRefusedError(sentence)
    if isinstance(error, typer.Abort):
        return InterruptedError("interrupted")
    name = type(error).__name__
    return InternalError(f"{name}: {error}", mend="`falaj --debug …` shows where it happened")


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer's callback
    if asked:
        typer.echo(version("falaj"))
        raise typer.Exit


def _root(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unforeseen error.")
    ] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    del debug, show_version  # the first is read in `run`, around everything that can fail
