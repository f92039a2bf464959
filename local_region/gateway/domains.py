"""Custom domains of REST APIs: a name, whom it lets in, and the stage behind it.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mutual-tls.html (a trust store of
    PEM certificates in S3; clients must show a certificate of one of them; the default endpoint is
    another way in unless it is disabled), read 2026-11-22.
"""

from dataclasses import dataclass
from typing import Protocol

from local_region.gateway.messages import Request, Response

OWN_NAME = ""
"""The entrance that API Gateway itself names: `<api>.execute-api…`."""


@dataclass(slots=True, kw_only=True)
class Domain:
    """One custom domain.

    Attributes:
        name: The name.
        trust_store: PEM certificates; empty where clients need none.
        api: What is mapped to it; empty for nothing yet.
        stage: The stage of it.
    """

    name: str
    trust_store: str = ""
    api: str = ""
    stage: str = ""


class Door(Protocol):
    """Answers requests by the entrance they came through."""

    async def answer(self, request: Request, *, entrance: str | None = None) -> Response:
        """Answer a request; None stands for this process itself."""
        ...

    def refuse(self, host: str, path: str, *, is_body: bool) -> Response:
        """Answer a request that is too large."""
        ...


class Entrance:
    """One name by which the APIs are reached: what a listener serves.

    Args:
        door: Answers.
        name: The custom domain, or `OWN_NAME`.
    """

    def __init__(self, door: Door, name: str) -> None:
        self._door, self._name = door, name

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        return await self._door.answer(request, entrance=self._name)

    def refuse(self, host: str, path: str, *, is_body: bool) -> Response:
        """Answer a request whose body, or else whose headers, are too large."""
        return self._door.refuse(host, path, is_body=is_body)
