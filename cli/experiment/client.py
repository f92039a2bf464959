"""The experiment analyst, asked over Lambda's own Invoke."""

import getpass
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.failures import CommandError, MisuseError, RefusedError
from cli.region.connection import Connection
from cli.region.function import PlatformFunction
from cli.region.target import Target
from falaj.contract import ANALYST_PARAMETER
from falaj.errors import (
    ExperimentRefusedError,
    FalajError,
    MalformedRequestError,
    UnknownExperimentError,
)
from falaj.experiments.answers import failure_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An experiment by name.

    Attributes:
        model: Of which model.
        experiment: Its name.
    """

    model: str
    experiment: str

    def __str__(self) -> str:
        return f"{self.model}/{self.experiment}"


class AnalystClient:
    """Asks one region about its experiments, and decides on them.

    Args:
        connection: To the region.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._analyst = PlatformFunction(
            connection=connection,
            parameter=ANALYST_PARAMETER,
            role="experiment analyst",
            mend="deploy the experiments stack",
        )

    def ask(self, payload: Mapping[str, Any], named: Named | None = None) -> dict[str, Any]:
        """Return what the analyst answers.

        Args:
            payload: An event, as `falaj.experiments.orders` describes.
            named: Which experiment it is about.

        Raises:
            UnreachableError: The region does not answer.
            RefusedError: The analyst looked and said no.
            CommandError: It failed, or there is none.
        """
        told, is_failure = self._analyst.ask(payload)
        if is_failure:
            about = named or Named(model="", experiment="")
            raise _failed(failure_of(told, model=about.model, experiment=about.experiment))
        return told

    def call(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the call that `ask` would make, for `--dry-run`."""
        return self._analyst.call(payload)

    def actor(self) -> str:
        """Say who asks: the credentials' owner on AWS, the user of this machine otherwise."""
        if self.connection.place.target is Target.LOCAL:
            return f"{getpass.getuser()}@{platform.node()}"
        with self.connection.translated("say who is asking"):
            return str(self.connection.client("sts").get_caller_identity()["Arn"])


def _failed(error: FalajError) -> CommandError:
    match error:
        case UnknownExperimentError():
            return CommandError(
                f"model {error.model!r} has no experiment {error.name!r}",
                mend="`falaj experiment status` lists what was started",
            )
        case ExperimentRefusedError():
            return RefusedError(error.reasons)
        case MalformedRequestError():
            return MisuseError(error.reason)
        case _:
            return CommandError(str(error), mend="its log says where")
