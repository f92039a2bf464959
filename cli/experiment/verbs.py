"""The noun and its verbs, in one table."""

from collections.abc import Callable
from typing import Any, Final

import typer

from cli.experiment import looking, planning, reporting, steering
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
        "start",
        steering.start,
        example(
            "falaj experiment start examples/experiments/second-opinion.yaml "
            "--reason 'asked for in ML-31'",
        ),
    ),
    (
        "status",
        looking.status,
        example(
            "falaj experiment status", "falaj experiment status breast-cancer/second-opinion --json"
        ),
    ),
    (
        "report",
        reporting.report,
        example(
            "falaj experiment report breast-cancer/second-opinion --html report.html",
            "falaj experiment report greeting.yaml --exposures exposures.jsonl "
            "--outcomes outcomes.csv.gz",
            "falaj experiment report greeting.yaml --exposures logs/exposures "
            "--outcomes logs/outcomes --html greeting.html",
        ),
    ),
    (
        "grow",
        steering.grow,
        example(
            "falaj experiment grow breast-cancer/second-opinion --coverage 0.4 -m 'no complaints'"
        ),
    ),
    (
        "decide",
        steering.decide,
        example(
            "falaj experiment decide breast-cancer/second-opinion promote -m ML-31",
            "falaj experiment decide breast-cancer/second-opinion revert -m INC-7 --target aws",
        ),
    ),
    (
        "stop",
        steering.stop,
        example(
            "falaj experiment stop breast-cancer/second-opinion --reason 'wrong metric' --dry-run"
        ),
    ),
)
"""Name, function, the example that ends its help."""


def noun() -> typer.Typer:
    """Return `falaj experiment`, made from the table."""
    made = typer.Typer(
        no_args_is_help=True,
        help="Experiments: plan, start, follow and decide them, locally and on AWS alike.",
        epilog=example("falaj experiment plan --base 0.05 --wanted 0.06"),
    )
    for name, command, epilog in VERBS:
        made.command(name, epilog=epilog)(command)
    return made


app: Final = noun()
