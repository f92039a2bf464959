"""The noun and its verbs, in one table."""

from collections.abc import Callable
from typing import Any, Final

import typer

from cli.options import example
from cli.rollout import checking, looking, steering
from falaj.domain.observation import Verb
from falaj.domain.waking import APPROVE

VERBS: Final[tuple[tuple[str, Callable[..., Any], str], ...]] = (
    (
        "status",
        looking.status,
        example("falaj rollout status breast-cancer", "falaj rollout status --all --json"),
    ),
    (
        "watch",
        looking.watch,
        example("falaj rollout watch breast-cancer", "falaj rollout watch breast-cancer --wait"),
    ),
    (
        "pause",
        steering.steering(Verb.PAUSE),
        example("falaj rollout pause breast-cancer --reason 'looking into it'"),
    ),
    (
        "resume",
        steering.steering(Verb.RESUME),
        example("falaj rollout resume breast-cancer --reason 'it was the network'"),
    ),
    (
        "promote",
        steering.promote,
        example(
            "falaj rollout promote breast-cancer --reason 'enough seen'",
            "falaj rollout promote breast-cancer --skip-guard --yes --reason 'hotfix INC-7'",
        ),
    ),
    (
        "abort",
        steering.steering(Verb.ABORT),
        example("falaj rollout abort breast-cancer --reason 'wrong model' --dry-run"),
    ),
    (
        "approve",
        steering.steering(APPROVE),
        example("falaj rollout approve breast-cancer --version 13 --reason 'reviewed in CR-42'"),
    ),
    (
        "undo",
        steering.steering(Verb.UNDO),
        example("falaj rollout undo breast-cancer --reason 'complaints' --target aws"),
    ),
    (
        "history",
        looking.history,
        example(
            "falaj rollout history breast-cancer",
            "falaj rollout history breast-cancer --save decisions --target aws",
        ),
    ),
    (
        "replay",
        checking.replay,
        example(
            "falaj rollout replay decisions/17.json",
            "falaj rollout replay 17.json --signature 17.sig --public-key public-key.pem",
        ),
    ),
)
"""Name, function, the example that ends its help."""


def noun() -> typer.Typer:
    """Return `falaj rollout`, made from the table."""
    made = typer.Typer(
        no_args_is_help=True,
        help="Rollouts: see, steer and check them, in the local region and on AWS alike.",
        epilog=example(
            "falaj rollout watch breast-cancer", "falaj rollout status --all --target aws"
        ),
    )
    for name, command, epilog in VERBS:
        made.command(name, epilog=epilog)(command)
    return made


app: Final = noun()
