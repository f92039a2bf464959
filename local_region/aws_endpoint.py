"""One HTTP address for every AWS service: ours where nothing existing is strict, moto otherwise.

An unmodified boto3 client with `endpoint_url` set to it works: the service is the one its
signature names, as documented in "Elements of an AWS API request signature"
(docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html, read 2026-11-22).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from local_region.backends.moto_backends import Answer, MotoBackends
from local_region.gateway.messages import Request, Response
from local_region.listener import Limits

AWS_LIMITS: Final = Limits(header_bytes=64 * 1024, body_bytes=256 * 1024 * 1024)
PAGES: Final = "_falaj"
"""Stands for this region's own pages among the names of services."""
_WORKERS: Final = 8
_AT_ONCE: Final = frozenset({"dynamodb"})
"""What is computed in some milliseconds, waits for nothing, and is asked with every request: a
thread would be done no sooner, and meanwhile each step of the loop would wait for the interpreter's
lock, up to 5 ms (sys.setswitchinterval)."""
_SCOPE: Final = re.compile(r"Credential=[^/,&]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_DROPPED: Final = frozenset({"content-length", "transfer-encoding", "connection", "date"})

Service = Callable[[Request], Awaitable[Response]]


class AwsEndpoint:
    """Answers AWS API calls.

    Attributes:
        dark: Services, by signing name, that answer nobody.
    """

    def __init__(self, backends: MotoBackends, own: Mapping[str, Service]) -> None:
        """Route the services in `own`, by signing name, to them and everything else to moto."""
        self._backends, self._own = backends, own
        self.dark: frozenset[str] = frozenset()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="aws-endpoint")

    async def answer(self, request: Request) -> Response:
        """Answer one call."""
        name = signing_name(request)
        if name in self.dark:
            return Response(status=503, headers=(), body=b"")
        own = self._own.get(name)
        if own is not None:
            return await own(request)

        def answered() -> Answer:
            return self._backends.answer(
                method=request.method,
                path=request.path,
                query=request.query,
                headers=request.headers,
                body=request.body,
            )

        if name in _AT_ONCE:
            answer = answered()
        else:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._workers, answered)
        return Response(
            status=answer.status,
            headers=tuple(
                (name.lower(), value)
                for name, value in answer.headers
                if name.lower() not in _DROPPED
            ),
            body=answer.body,
        )

    def refuse(self, host: str, path: str, *, is_body: bool) -> Response:  # noqa: ARG002
        """Answer a call that is too large to read."""
        reason = "body" if is_body else "headers"
        return Response(
            status=413 if is_body else 431,
            headers=(("content-type", "application/json"),),
            body=f'{{"message":"the request\'s {reason} are too large"}}'.encode(),
        )

    def close(self) -> None:
        """Let no further call in, and wait for those under way."""
        self._workers.shutdown(wait=True, cancel_futures=True)


def signing_name(request: Request) -> str:
    """Return the service a request is signed for; for an unsigned one, what its path says."""
    signature = request.header("authorization") or request.query.replace("%2F", "/").replace(
        "X-Amz-Credential", "Credential"
    )
    found = _SCOPE.search(signature)
    if found is not None:
        return found.group(1).lower()
    if request.path.startswith("/ecs-agent/"):
        return "ecs-agent"
    if request.path.startswith("/_falaj/"):  # no bucket's name begins so
        return PAGES
    return "lambda" if request.path.startswith("/2015-03-31/functions") else "s3"
