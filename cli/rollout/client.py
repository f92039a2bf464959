"""The rollout controller, asked over Lambda's own Invoke."""

from collections.abc import Mapping
from typing import Any

from cli.failures import CommandError, MisuseError
from cli.region.connection import Connection
from cli.region.function import PlatformFunction
from cli.region.heard import HeardClock
from falaj.contract import (
    CONTROLLER_PARAMETER,
    MODELS_PARAMETER_ROOT,
    desired_release_parameter,
)
from falaj.domain.codec import decode
from falaj.domain.rollout import Rollout
from falaj.errors import MalformedRequestError, UnknownModelError


class RolloutClient:
    """Asks one region about its rollouts, and steers them.

    Args:
        connection: To the region.

    Attributes:
        clock: The region's, as its last answer said.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.clock = HeardClock()
        self._controller = PlatformFunction(
            connection=connection,
            parameter=CONTROLLER_PARAMETER,
            role="rollout controller",
            mend="deploy the rollouts stack",
            heard=self.clock.heard,
        )

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
        return self._controller.call({"command": dict(command)})

    def caller(self) -> str:
        """Return who the credentials say is asking; raises as `models` does."""
        with self.connection.translated("say who is asking"):
            return str(self.connection.client("sts").get_caller_identity()["Arn"])

    def _invoke(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        told, is_failure = self._controller.ask(payload)
        if is_failure:
            raise _failure(self._controller.name, told)
        return told

    def _rollout(self, told: Mapping[str, Any]) -> Rollout:
        try:
            return decode(Rollout, told["status"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CommandError(
                f"{self._controller.name} answered in a way this command does not know ({error!r})",
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
