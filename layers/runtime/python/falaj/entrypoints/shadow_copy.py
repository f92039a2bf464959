"""A copy as it travels from stable to its shadow: the request, and what its caller was answered.

It holds what an answer depends on, the ids of its trace, and nothing that says who asked: no
credentials, cookies, claims, addresses or query. The body is as personal as the request's own; it
stays inside Lambda's encrypted queue and is written to no log.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pybase64

from falaj.contract import HEADER_BINARY_LENGTH, HEADER_REQUEST_ID
from falaj.domain.shadow import SHADOW_EVENT
from falaj.errors import MalformedRequestError
from falaj.http.agreement import Answer
from falaj.http.messages import Request
from falaj.telemetry.trace import trace_keys

LARGEST_EVENT_BYTES: Final = 1024 * 1024
"""What Lambda takes asynchronously.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html ("1 MB for asynchronous"),
read 2026-11-22.
"""

_ASKED: Final = (
    "accept",
    "content-encoding",
    "content-type",
    HEADER_BINARY_LENGTH,
    HEADER_REQUEST_ID,
)
_ANSWERED: Final = ("content-encoding", HEADER_BINARY_LENGTH)


class Copy(NamedTuple):
    """A request, and stable's answer to it unless both together are too large to send."""

    request: Request
    answer: Answer | None

    def to_event(self) -> bytes:
        """Write the event; what it leaves out of an answer or a request is not needed."""
        document: dict[str, Any] = {
            "falaj": SHADOW_EVENT,
            "request": {
                "method": self.request.method,
                "path": self.request.path,
                "headers": {
                    **_chosen(self.request.headers, _ASKED),
                    **_traced(self.request.headers.get("traceparent")),
                },
                "body": pybase64.b64encode_as_string(self.request.body),
            },
        }
        if self.answer is not None:
            document["answer"] = {
                "status": self.answer.status,
                "headers": _chosen(self.answer.headers, _ANSWERED),
                "body": pybase64.b64encode_as_string(self.answer.body),
            }
        return json.dumps(document, separators=(",", ":")).encode()

    def fitted(self) -> bytes | None:
        """Write the event without the answer, if only so it can be sent; None if not even so."""
        for copy in (self, self._replace(answer=None)):
            event = copy.to_event()
            if len(event) <= LARGEST_EVENT_BYTES:
                return event
        return None

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "Copy":
        """Read what `to_event` wrote.

        Raises:
            MalformedRequestError: It is no such event.
        """
        try:
            asked, answered = event["request"], event.get("answer")
            request = Request(
                str(asked["method"]), str(asked["path"]), dict(asked["headers"]), _bytes(asked)
            )
            answer = answered and Answer(
                int(answered["status"]), dict(answered["headers"]), _bytes(answered)
            )
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedRequestError(f"this is no copy of a request: {error}") from error
        return cls(request, answer)


def answer_of(result: Mapping[str, Any]) -> Answer:
    """Read a response back from what the handler gave API Gateway."""
    body = result["body"]
    content = pybase64.b64decode(body) if result["isBase64Encoded"] else body.encode()
    return Answer(result["statusCode"], result["headers"], content)


def _chosen(headers: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: headers[name] for name in names if name in headers}


def _bytes(part: Mapping[str, Any]) -> bytes:
    return pybase64.b64decode(part["body"], validate=True)


def _traced(traceparent: str | None) -> dict[str, str]:
    """Return the header without what a caller may have put behind its ids."""
    keys = trace_keys(traceparent)
    return {"traceparent": keys["traceparent"]} if keys else {}
