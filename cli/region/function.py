"""A function of the platform, asked over Lambda's own Invoke."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.failures import CommandError
from cli.region.connection import Connection

PATIENCE_S: Final = (0.5, 1, 2, 4)
"""Between attempts while every environment of the function is busy with its rounds."""


@dataclass(slots=True, kw_only=True)
class PlatformFunction:
    """Asks one function of a region.

    Attributes:
        connection: To the region.
        parameter: SSM parameter in which its stack wrote its name.
        role: What it is, to read after "its".
        mend: What to do where it is missing.
        sleep: Waits.
        heard: Told the `date` header of each answer.
    """

    connection: Connection
    parameter: str
    role: str
    mend: str
    sleep: Callable[[float], None] = time.sleep
    heard: Callable[[str], object] = lambda _: None
    _name: str = ""

    @property
    def name(self) -> str:
        """The function's name.

        Raises:
            UnreachableError: The region does not answer.
            CommandError: There is no such function there.
        """
        if not self._name:
            with self.connection.translated(f"name its {self.role}"):
                ssm = self.connection.client("ssm")
                try:
                    answer = ssm.get_parameter(Name=self.parameter)
                except ssm.exceptions.ParameterNotFound as error:
                    raise CommandError(
                        f"{self.connection.whereabouts()} has no {self.role} "
                        f"(SSM parameter {self.parameter} does not exist)",
                        mend=self.mend,
                    ) from error
            self._name = str(answer["Parameter"]["Value"])
        return self._name

    def ask(self, payload: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Invoke it and wait.

        Returns:
            The JSON object it answered with, and whether that describes what it raised.

        Raises:
            UnreachableError: The region does not answer.
            CommandError: It answered with no JSON object, or there is no such function.
        """
        function = self.name
        with self.connection.translated(f"ask its {self.role}"):
            answer = self._when_free(function, json.dumps(payload, ensure_ascii=False).encode())
            body = answer["Payload"].read()
        try:
            told = json.loads(body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise CommandError(f"{function} answered with something that is no JSON object")
        return told, "FunctionError" in answer

    def call(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the call that `ask` would make, for `--dry-run`."""
        return {
            "service": "lambda",
            "operation": "Invoke",
            "region": self.connection.place.name,
            "FunctionName": self.name,
            "InvocationType": "RequestResponse",
            "Payload": dict(payload),
        }

    def _when_free(self, function: str, payload: bytes) -> dict[str, Any]:
        """Invoke, and again while it is throttled: then it has not run."""
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
        self.heard(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        return answer
