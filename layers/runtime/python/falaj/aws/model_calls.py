"""Models' functions, called through their `live` aliases as the API would call them."""

import json
from typing import Any, Final

from falaj.aws.calls import Client, calling
from falaj.contract import alias_arn_parameter
from falaj.errors import FunctionFailedError, FunctionTimeoutError

_TIMED_OUT: Final = ("Sandbox.Timedout", "Task timed out")


class ModelCalls:
    """Finds aliases through SSM, each once, and calls them.

    Args:
        functions: A Lambda client.
        ssm: An SSM client.
    """

    def __init__(self, functions: Client, ssm: Client) -> None:
        self._lambda, self._ssm = functions, ssm
        self._aliases: dict[str, str] = {}

    def __call__(self, model: str, event: bytes) -> dict[str, Any]:
        """Return what a model's function answers to an API's event.

        Args:
            model: Who is asked.
            event: The event, as JSON.

        Raises:
            DependencyError: Lambda or SSM does not answer, or has no room.
            FunctionFailedError: The function ended without an answer.
            FunctionTimeoutError: It ran out of time.

        Source:
            docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (FunctionError); its payload says
            why, in words that may quote the request and are therefore dropped.
        """
        arn = self._alias(model)
        with calling("lambda", f"call model {model}"):
            response = self._lambda.invoke(FunctionName=arn, Payload=event)
            payload = response["Payload"].read()
        if response.get("FunctionError"):
            text = payload.decode(errors="replace")
            if any(words in text for words in _TIMED_OUT):
                raise FunctionTimeoutError(model=model)
            raise FunctionFailedError(model=model)
        answer = json.loads(payload or b"null")
        if not isinstance(answer, dict) or "statusCode" not in answer:
            raise FunctionFailedError(model=model)
        return answer

    def _alias(self, model: str) -> str:
        if model not in self._aliases:
            with calling("ssm", f"name the alias of model {model}"):
                found = self._ssm.get_parameter(Name=alias_arn_parameter(model))
            self._aliases[model] = found["Parameter"]["Value"]
        return self._aliases[model]
