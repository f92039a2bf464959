"""The two calls that a function with a shadow makes: what is wanted, and a copy on its way.

Source:
    docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html;
    docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (`X-Amz-Invocation-Type: Event`, status
    202; `X-Amzn-Trace-Id` is passed on).
"""

import json
from typing import Final

from falaj.aws.signed_calls import SignedCalls
from falaj.domain.shadow import ShadowOrder
from falaj.errors import DependencyError

_OK: Final = 200
_ACCEPTED: Final = 202
_JSON: Final = "application/x-amz-json-1.1"
_NOT_FOUND: Final = b"ParameterNotFound"


class ShadowCalls:
    """What stable's environments ask of AWS.

    Args:
        ssm: Calls of Parameter Store.
        functions: Calls of Lambda.
        parameter: Holds the order.
        function: The function itself; its role may invoke no other.
    """

    def __init__(
        self, *, ssm: SignedCalls, functions: SignedCalls, parameter: str, function: str
    ) -> None:
        self._ssm, self._lambda = ssm, functions
        self._parameter, self._function = parameter, function

    def order(self) -> ShadowOrder | None:
        """Read what the rollout controller wants.

        Raises:
            DependencyError: Parameter Store does not answer.
        """
        answer = self._ssm.post(
            "/",
            json.dumps({"Name": self._parameter}).encode(),
            headers={"content-type": _JSON, "x-amz-target": "AmazonSSM.GetParameter"},
        )
        if answer.status != _OK:
            if _NOT_FOUND in answer.body:
                return None
            raise _refused("ssm", f"read {self._parameter}", answer.status)
        return ShadowOrder.from_json(json.loads(answer.body)["Parameter"]["Value"])

    def send(self, version: str, event: bytes, *, trace: str) -> None:
        """Queue a copy for a version; its answer goes nowhere.

        Raises:
            DependencyError: Lambda does not take it.
        """
        answer = self._lambda.post(
            f"/2015-03-31/functions/{self._function}/invocations",
            event,
            headers={
                "x-amz-invocation-type": "Event",
                **({"x-amzn-trace-id": trace} if trace else {}),
            },
            query={"Qualifier": version},
        )
        if answer.status != _ACCEPTED:
            raise _refused("lambda", "take a copy", answer.status)


def _refused(service: str, doing: str, status: int) -> DependencyError:
    return DependencyError(service=service, doing=doing, reason=f"status {status}")
