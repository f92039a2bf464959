"""The experiment analyst, asked over Lambda's own Invoke."""

import getpass
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.failures import CommandError, MisuseError, RefusedError
from cli.rollout.connection import Connection
from cli.rollout.target import Target
from falaj.contract import ANALYST_PARAMETER
from falaj.errors import (
    ExperimentRefusedError,
    FalajError,
    MalformedRequestError,
    UnknownExperimentError,
)
from falaj.experiments.answers import failure_of

PATIENCE_S: Final = (0.5, 1, 2, 4)
"""Between attempts while both environments of the analyst are busy with a round."""


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


@dataclass(slots=True)
class AnalystClient:
    """Asks one region about its experiments, and decides on them.

    Attributes:
        connection: To the region.
        sleep: Waits.
    """

    connection: Connection
    sleep: Callable[[float], None] = time.sleep
    _function: str = ""

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
        function = self.function()
        with self.connection.translated("ask its experiment analyst"):
            answer = self._when_free(function, json.dumps(payload, ensure_ascii=False).encode())
            body = answer["Payload"].read()
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if "FunctionError" in answer:
            about = named or Named(model="", experiment="")
            raise _failed(failure_of(told, model=about.model, experiment=about.experiment))
        if not isinstance(told, dict):
            raise CommandError(f"{function} answered with something that is no JSON object")
        return told

    def call(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the call that `ask` would make, for `--dry-run`."""
        return {
            "service": "lambda",
            "operation": "Invoke",
            "region": self.connection.place.name,
            "FunctionName": self.function(),
            "InvocationType": "RequestResponse",
            "Payload": dict(payload),
        }

    def actor(self) -> str:
        """Say who asks: the credentials' owner on AWS, the user of this machine otherwise."""
        if self.connection.place.target is Target.LOCAL:
            return f"{getpass.getuser()}@{platform.node()}"
        with self.connection.translated("say who is asking"):
            return str(self.connection.client("sts").get_caller_identity()["Arn"])

    def function(self) -> str:
        """Return the analyst function's name, from the parameter that its stack wrote.

        Raises:
            CommandError: No analyst is deployed there.
        """
        if not self._function:
            with self.connection.translated("name its experiment analyst"):
                ssm = self.connection.client("ssm")
                try:
                    answer = ssm.get_parameter(Name=ANALYST_PARAMETER)
                except ssm.exceptions.ParameterNotFound as error:
                    raise CommandError(
                        f"{self.connection.place.name} has no experiment analyst "
                        f"(SSM parameter {ANALYST_PARAMETER} does not exist)",
                        mend="deploy the experiments stack",
                    ) from error
            self._function = str(answer["Parameter"]["Value"])
        return self._function

    def _when_free(self, function: str, payload: bytes) -> dict[str, Any]:
        """Invoke, and again while the analyst is throttled: then it has not run."""
        client = self.connection.client("lambda")
        for patience_s in (*PATIENCE_S, None):
            try:
                answer: dict[str, Any] = client.invoke(
                    FunctionName=function, InvocationType="RequestResponse", Payload=payload
                )
            except client.exceptions.TooManyRequestsException:
                if patience_s is None:
                    raise
                self.sleep(patience_s)
            else:
                return answer
        raise AssertionError("the last attempt returns or raises")


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
