"""The rollout controller, asked over Lambda's own Invoke."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cli.failures import CommandError, MisuseError
from cli.rollout.connection import Connection
from cli.rollout.heard import HeardClock
from falaj.contract import (
    CONTROLLER_PARAMETER,
    MODELS_PARAMETER_ROOT,
    desired_release_parameter,
)
from falaj.domain.codec import decode
from falaj.domain.rollout import Rollout
from falaj.errors import MalformedRequestError, UnknownModelError

PATIENCE_S: Final = (0.5, 1, 2, 4)
"""Between attempts while every environment of the controller is busy with its rounds."""


@dataclass(slots=True)
class RolloutClient:
    """Asks one region about its rollouts, and steers them.

    Attributes:
        connection: To the region.
        sleep: Waits.
        clock: The region's, as its last answer said.
    """

    connection: Connection
    sleep: Callable[[float], None] = time.sleep
    clock: HeardClock = field(default_factory=HeardClock)
    _function: str = ""

    def models(self) -> tuple[str, ...]:
        """Return the models for which a stack has stated a release.

        Raises:
            UnreachableError: The region does not answer.
            CommandError: It answered with a refusal.
        """
        with self.connection.translated("list the models"):
            pages = self.connection.client("ssm").get_paginator("get_parameters_by_path")
            names = [
                parameter["Name"]
                for page in pages.paginate(Path=MODELS_PARAMETER_ROOT, Recursive=True)
                for parameter in page["Parameters"]
            ]
        found = (name.removeprefix(f"{MODELS_PARAMETER_ROOT}/").partition("/")[0] for name in names)
        return tuple(
            sorted(model for model in set(found) if desired_release_parameter(model) in names)
        )

    def status(self, model: str) -> Rollout:
        """Return the controller's status of a model; raises as `models` does."""
        return self._rollout(self._invoke({"query": {"model": model}}))

    def command(self, command: Mapping[str, Any]) -> Rollout:
        """Send an operator's command and return the new status; raises as `models` does."""
        return self._rollout(self._invoke({"command": dict(command)}))

    def call(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Return the call that `command` would make, for `--dry-run`."""
        return {
            "service": "lambda",
            "operation": "Invoke",
            "region": self.connection.place.name,
            "FunctionName": self.function(),
            "InvocationType": "RequestResponse",
            "Payload": {"command": dict(command)},
        }

    def caller(self) -> str:
        """Return who the credentials say is asking; raises as `models` does."""
        with self.connection.translated("say who is asking"):
            return str(self.connection.client("sts").get_caller_identity()["Arn"])

    def function(self) -> str:
        """Return the controller function's name, from the parameter that its stack wrote.

        Raises:
            CommandError: No controller is deployed there.
        """
        if not self._function:
            with self.connection.translated("name its rollout controller"):
                ssm = self.connection.client("ssm")
                try:
                    answer = ssm.get_parameter(Name=CONTROLLER_PARAMETER)
                except ssm.exceptions.ParameterNotFound as error:
                    raise CommandError(
                        f"{self.connection.place.name} has no rollout controller "
                        f"(SSM parameter {CONTROLLER_PARAMETER} does not exist)",
                        mend="deploy the rollouts stack",
                    ) from error
            self._function = str(answer["Parameter"]["Value"])
        return self._function

    def _invoke(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        function = self.function()
        with self.connection.translated("ask its rollout controller"):
            answer = self._when_free(function, json.dumps(payload, ensure_ascii=False).encode())
            body = answer["Payload"].read()
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise CommandError(f"{function} answered with something that is no JSON object")
        if "FunctionError" in answer:
            raise _failure(function, told)
        return told

    def _when_free(self, function: str, payload: bytes) -> dict[str, Any]:
        """Invoke, and again while the controller is throttled: then it has not run."""
        client = self.connection.client("lambda")
        for patience_s in PATIENCE_S:
            try:
                return self._invoked(client, function, payload)
            except client.exceptions.TooManyRequestsException:
                self.sleep(patience_s)
        return self._invoked(client, function, payload)

    def _invoked(self, client: Any, function: str, payload: bytes) -> dict[str, Any]:  # noqa: ANN401 - as in Connection
        answer: dict[str, Any] = client.invoke(
            FunctionName=function, InvocationType="RequestResponse", Payload=payload
        )
        self.clock.heard(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        return answer

    def _rollout(self, told: Mapping[str, Any]) -> Rollout:
        try:
            return decode(Rollout, told["status"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CommandError(
                f"{self._function} answered in a way this command does not know ({error!r})",
                mend="use the `falaj` of the deployed version",
            ) from error


def _failure(function: str, told: Mapping[str, Any]) -> CommandError:
    """Translate what the controller raised; Lambda names the exception's class."""
    kind = str(told.get("errorType", "unknown"))
    reason = str(told.get("errorMessage") or "no reason given")
    if kind == UnknownModelError.__name__:
        return CommandError(
            "the controller knows no rollout of that model",
            mend="`falaj rollout status --all` lists the ones it knows",
        )
    if kind == MalformedRequestError.__name__:
        return MisuseError(reason)
    return CommandError(f"{function} failed: {kind}: {reason}", mend="its log says where")
