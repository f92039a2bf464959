"""The experiment analyst's function, invoked by other functions."""

import json
from collections.abc import Mapping
from typing import Any

from falaj.aws.calls import Client, calling
from falaj.experiments.answers import ANALYST, failure_of


class AnalystFunction:
    """Asks the analyst.

    Args:
        client: A Lambda client.
        function: The function's name.
    """

    def __init__(self, client: Client, function: str) -> None:
        self._lambda, self._function = client, function

    def ask(self, event: Mapping[str, Any], model: str, experiment: str) -> dict[str, Any]:
        """Return what the analyst answers.

        Args:
            event: As `falaj.experiments.orders` describes.
            model: Which model it is about; empty for all.
            experiment: Which experiment it is about; empty for all.

        Raises:
            RequestError: The analyst refused.
            DependencyError: It failed, or Lambda does not answer.
        """
        with calling("lambda", f"invoke {ANALYST}"):
            answer = self._lambda.invoke(
                FunctionName=self._function,
                InvocationType="RequestResponse",
                Payload=json.dumps(event, ensure_ascii=False).encode(),
            )
            body = answer["Payload"].read()
        told = json.loads(body)
        if "FunctionError" in answer or not isinstance(told, dict):
            raise failure_of(told, model=model, experiment=experiment)
        return told
