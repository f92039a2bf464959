"""An ASGI application as a site: for the routes where a framework's comfort is worth its time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from falaj.container.exchange import Exchange
from falaj.http.failures import failure_body
from falaj.http.oip import request_id_of

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

INTERNAL: Final = 500


class AsgiSite:
    """Answers exchanges by an ASGI 3 application.

    Args:
        app: The application.

    Source:
        asgi.readthedocs.io/en/latest/specs/www.html, "HTTP Connection Scope".
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange) -> None:
        """Start answering."""
        task = asyncio.get_running_loop().create_task(self._answer(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, exchange: Exchange) -> None:
        request = exchange.request
        sent: list[Message] = []
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": request.path,
            "raw_path": request.path.encode("latin-1"),
            "query_string": b"",
            "headers": [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in request.headers.items()
            ],
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": bytes(request.body), "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await self._app(scope, receive, send)
        except Exception:  # noqa: BLE001 - the last line: a fault of the application is a 500
            request_id = request_id_of(request)
            body = failure_body(message="internal error", code="internal", request_id=request_id)
            return exchange.reply(INTERNAL, {"content-type": "application/json"}, body)
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in sent[0].get("headers", ())
            if name != b"content-length"
        }
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return exchange.reply(sent[0]["status"], headers, body)
