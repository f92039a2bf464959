"""Arguments and options that several verbs of `falaj experiment` share."""

from pathlib import Path
from typing import Annotated

import typer

from cli.completion import experiment_names
from cli.experiment.client import AnalystClient, Named
from cli.experiment.sources import read_spec
from cli.failures import MisuseError
from cli.region.connection import Connection
from cli.region.target import Place, Target
from cli.settings import Settings

Experiment = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="MODEL/NAME, or the file of its declaration, YAML or JSON.",
        autocompletion=experiment_names,
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", "-m", help="Why; recorded with the decision, signed.")
]


def analyst(target: Target) -> AnalystClient:
    """Return a client of a target's analyst; nothing is called yet."""
    return AnalystClient(Connection(Place.of(target, Settings.from_env())))


def named(text: str) -> Named:
    """Read which experiment is meant.

    Raises:
        MisuseError: It is neither a name nor a file.
        ConfigurationError: The file is no declaration.
    """
    path = Path(text)
    if path.is_file():
        spec = read_spec(path)
        return Named(model=spec.model, experiment=spec.name)
    model, slash, name = text.partition("/")
    if not slash or not model or not name or "/" in name:
        raise MisuseError(f"{text!r} is no file", mend="name the experiment as MODEL/NAME")
    return Named(model=model, experiment=name)


def reason_given(text: str) -> str:
    """Return a reason, which is not empty.

    Raises:
        MisuseError: It is.
    """
    if not text.strip():
        raise MisuseError("--reason is empty: say why, it is recorded")
    return text.strip()
