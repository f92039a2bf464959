"""A function called by its alias, as the API would have called it."""

import json
from collections.abc import Mapping
from typing import Any

from falaj.aws.calls import Client, calling
from falaj.errors import DependencyError


class FunctionCalls:
    """Calls one alias.

    Args:
        client: A Lambda client.
        arn: The alias.
    """

    def __init__(self, client: Client, *, arn: str) -> None:
        self._lambda, self._arn = client, arn

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the function answers to an API's event.

        Raises:
            DependencyError: Lambda does not answer, or the function failed.

        Source: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (FunctionError).
        """
        with calling("lambda", f"call {self._arn}"):
            response = self._lambda.invoke(
                FunctionName=self._arn, Payload=json.dumps(event).encode()
            )
            answer = json.loads(response["Payload"].read() or b"null")
        if response.get("FunctionError") or not isinstance(answer, dict):
            raise DependencyError(
                service="lambda",
                doing=f"call {self._arn}",
                reason=str(response.get("FunctionError") or "no answer of an API's function"),
            )
        return answer
