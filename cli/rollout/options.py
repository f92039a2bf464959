"""Arguments and options that several verbs of `falaj rollout` share."""

from typing import Annotated

import typer

from cli.completion import model_names
from cli.region.connection import Connection
from cli.region.target import Place, Target
from cli.settings import Settings

Model = Annotated[str, typer.Argument(help="Model name.", autocompletion=model_names)]
Reason = Annotated[
    str, typer.Option("--reason", "-m", help="Why; recorded with the decision, signed.")
]
Version = Annotated[
    str,
    typer.Option(
        "--version",
        help="The Lambda version you mean; refused if the rollout is about another by then. "
        "The one that `status` shows, if not given.",
    ),
]


def connect(target: Target) -> Connection:
    """Return a connection to a target; nothing is called yet."""
    return Connection(Place.of(target, Settings.from_env()))
