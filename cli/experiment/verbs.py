"""The noun and its verbs, in one table."""

from collections.abc import Callable
from typing import Any, Final

import typer

from cli.experiment import planning, reporting
from cli.options import example

VERBS: Final[tuple[tuple[str, Callable[..., Any], str], ...]] = (
    (
        "plan",
        planning.plan,
        example(
            "falaj experiment plan --base 0.05 --wanted 0.06 --traffic 2000",
            "falaj experiment plan --base 0.05 --wanted 0.06 --share 0.1 --looks 10 --json",
        ),
    ),
    (
        "report",
        reporting.report,
        example(
            "falaj experiment report greeting.yaml --exposures exposures.jsonl "
            "--outcomes outcomes.csv.gz",
            "falaj experiment report greeting.yaml --exposures logs/exposures "
            "--outcomes logs/outcomes --html greeting.html",
        ),
    ),
)
"""Name, function, the example that ends its help."""


def noun() -> typer.Typer:
    """Return `falaj experiment`, made from the table."""
    made = typer.Typer(
        no_args_is_help=True,
        help="Experiments: how many units they need, and what they found.",
        epilog=example("falaj experiment plan --base 0.05 --wanted 0.06"),
    )
    for name, command, epilog in VERBS:
        made.command(name, epilog=epilog)(command)
    return made


app: Final = noun()
