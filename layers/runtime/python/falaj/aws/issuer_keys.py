"""The token issuer's public keys, as a stack or an operator put them into an SSM parameter."""

import json
from typing import Final

from falaj.aws.count_table import Post
from falaj.errors import DependencyError

_TARGET: Final = "AmazonSSM.GetParameter"
_TYPE: Final = "application/x-amz-json-1.1"
_OK: Final = 200


class IssuerKeys:
    """Reads the parameter with the issuer's key set.

    Args:
        post: Sends a signed call to SSM: boto3 would cost the authorizer's cold start a third of a
            second, and a request that waits for it as much.
        parameter: The parameter's name.
    """

    def __init__(self, post: Post, parameter: str) -> None:
        self._post, self._parameter = post, parameter

    def fetch(self) -> str:
        """Return the key set's text.

        Raises:
            DependencyError: SSM does not answer, or has no such parameter.
        """
        body = json.dumps({"Name": self._parameter}).encode()
        headers = {"content-type": _TYPE, "x-amz-target": _TARGET}
        answer = self._post("/", body, headers=headers)
        try:
            if answer.status == _OK:
                return str(json.loads(answer.body)["Parameter"]["Value"])
            reason = str(answer.status)
        except (KeyError, TypeError, ValueError) as error:
            reason = repr(error)
        raise DependencyError(service="ssm", doing="give the issuer's keys", reason=reason)
