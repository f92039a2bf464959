"""`/invocations`, as SageMaker's clients ask: the length of a body's JSON is in the content type.

SageMaker hands on few headers, and Triton's is none of them, in either direction.

Source:
    docs.aws.amazon.com/sagemaker/latest/dg/deploy-models-frameworks-triton.html and its samples;
    github.com/triton-inference-server/server, src/sagemaker_server.cc: requests and answers with
    binary data are `application/vnd.sagemaker-triton.binary+json;json-header-size=N`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from falaj.container.exchange import Exchange
from falaj.contract import HEADER_BINARY_LENGTH
from falaj.http.messages import Request

BINARY: Final = "application/vnd.sagemaker-triton.binary+json;json-header-size="
_SIZE: Final = "json-header-size="


def read(request: Request) -> Request:
    """Return a request with the header that the protocol knows, where its content type has it."""
    _, found, size = request.headers.get("content-type", "").partition(_SIZE)
    if not found:
        return request
    text = size.partition(";")[0].strip(' "')
    return request._replace(headers={**request.headers, HEADER_BINARY_LENGTH: text})


class SageMakerExchange:
    """An exchange whose answers say in the content type how long their JSON is.

    Args:
        exchange: Who waits.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.request = read(exchange.request)
        self._exchange = exchange

    @property
    def on_gone(self) -> Callable[[], None] | None:
        """Called once if the caller leaves before the answer."""
        return self._exchange.on_gone

    @on_gone.setter
    def on_gone(self, value: Callable[[], None] | None) -> None:
        self._exchange.on_gone = value

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer."""
        size = headers.get(HEADER_BINARY_LENGTH)
        if size is not None:
            headers = {**headers, "content-type": f"{BINARY}{size}"}
        self._exchange.reply(status, headers, body)

    def reply_ok(self, lines: bytes, body: bytes) -> None:
        """Answer 200 in JSON."""
        self._exchange.reply_ok(lines, body)
