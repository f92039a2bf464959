"""Batches of one region: started, watched and stopped through Step Functions' own calls."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cli.failures import CommandError, MisuseError
from cli.region.connection import Connection
from falaj.contract import (
    BATCH_MACHINE_PARAMETER,
    ENV_MODEL_VERSION,
    alias_arn_parameter,
    batch_function_parameter,
)

MEND: Final = (
    "add falaj:batch and falaj:batchBuckets to cdk.json (docs/reference/batch.md) and deploy"
)
RUNNING: Final = "RUNNING"
SUCCEEDED: Final = "SUCCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come.

    Attributes:
        done: Shards that are answered.
        failed: Shards that failed for good.
        total: Shards altogether; None before they are known.
    """

    done: int = 0
    failed: int = 0
    total: int | None = None


class BatchClient:
    """Asks one region about its batches.

    Args:
        connection: To the region.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._machine = ""

    @property
    def machine(self) -> str:
        """The state machine's ARN; raises as `_parameter` does."""
        self._machine = self._machine or self._parameter(BATCH_MACHINE_PARAMETER, "batches")
        return self._machine

    def pinned(self, model: str, version: str) -> tuple[str, str]:
        """Find the function version that holds a model's version.

        Args:
            model: The model.
            version: The model's version; the one that `live` serves where it is empty.

        Returns:
            The function version's ARN, and the model's version.

        Raises:
            CommandError: The model answers no batches here, or not with this version.
        """
        function = self._parameter(batch_function_parameter(model), f"batches of {model!r}")
        version = version or self._live(model)
        known = {}
        with self.connection.translated(f"list the versions of {function}"):
            pages = self.connection.client("lambda").get_paginator("list_versions_by_function")
            for page in pages.paginate(FunctionName=function):
                for each in page["Versions"]:
                    if each["Version"] != "$LATEST":
                        known[_version_of(each)] = each["FunctionArn"]  # the newest is the last
        if version not in known:
            raise MisuseError(
                f"no batch function of {model!r} holds version {version}",
                mend=f"--version takes {', '.join(sorted(filter(None, known)))}; "
                "another one must be deployed first",
            )
        return known[version], version

    def _live(self, model: str) -> str:
        arn = self._parameter(alias_arn_parameter(model), f"model {model!r}")
        with self.connection.translated(f"say which version of {model} is live"):
            live = self.connection.client("lambda").get_function_configuration(FunctionName=arn)
        return _version_of(live)

    # -------------------------------------------------------------- executions
    def start(self, name: str, asked: dict[str, Any]) -> str:
        """Begin a run and return its ARN."""
        with self.connection.translated("start the batch"):
            answer = self.connection.client("stepfunctions").start_execution(
                stateMachineArn=self.machine, name=name, input=json.dumps(asked)
            )
        return str(answer["executionArn"])

    def arn(self, name: str) -> str:
        """Return a run's ARN, given that or its name."""
        if name.startswith("arn:"):
            return name
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"

    def described(self, arn: str) -> dict[str, Any]:
        """Return what Step Functions says of a run.

        Raises:
            MisuseError: There is no such run.
        """
        client = self.connection.client("stepfunctions")
        with self.connection.translated("describe the batch"):
            try:
                answer: dict[str, Any] = client.describe_execution(executionArn=arn)
            except client.exceptions.ExecutionDoesNotExist:
                raise MisuseError(
                    f"{self.connection.place.name} has no batch {arn.rpartition(':')[2]!r}",
                    mend="`falaj batch list` names them",
                ) from None
        return answer

    def progress(self, arn: str) -> Progress:
        """Count a run's shards."""
        client = self.connection.client("stepfunctions")
        with self.connection.translated("count the batch's shards"):
            runs = client.list_map_runs(executionArn=arn)["mapRuns"]
            if not runs:
                return Progress()
            counts = client.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["itemCounts"]
        return Progress(
            done=counts["succeeded"],
            failed=counts["failed"] + counts["timedOut"] + counts["aborted"],
            total=counts["total"],
        )

    def listed(self, most: int) -> Iterator[dict[str, Any]]:
        """Tell of the newest runs."""
        with self.connection.translated("list the batches"):
            yield from self.connection.client("stepfunctions").list_executions(
                stateMachineArn=self.machine, maxResults=most
            )["executions"]

    def stop(self, arn: str, reason: str) -> None:
        """End a run; shards that are under way finish on their own."""
        with self.connection.translated("stop the batch"):
            self.connection.client("stepfunctions").stop_execution(
                executionArn=arn, error="Stopped", cause=reason
            )

    def _parameter(self, name: str, what: str) -> str:
        with self.connection.translated(f"say where its {what} are"):
            ssm = self.connection.client("ssm")
            try:
                answer = ssm.get_parameter(Name=name)
            except ssm.exceptions.ParameterNotFound:
                raise CommandError(
                    f"{self.connection.place.name} knows no {what}", mend=MEND
                ) from None
        return str(answer["Parameter"]["Value"])


def _version_of(configuration: dict[str, Any]) -> str:
    variables = configuration.get("Environment", {}).get("Variables", {})
    return str(variables.get(ENV_MODEL_VERSION, ""))
