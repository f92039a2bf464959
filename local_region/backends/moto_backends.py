"""moto's backends behind two doors: an in-process boto3 client, and a WSGI application.

moto is never told to patch boto3: clients made here hand their prepared HTTP request to moto's
server application through botocore's own `before-send` event, and clients outside reach the same
application over the AWS endpoint. Each open region keeps an account of its own, so two regions of
one process share nothing, nor anything with whoever else uses moto in it (see `kept_accounts`).

Source:
    moto 5.2.5: `moto.moto_server.werkzeug_app.DomainDispatcherApplication` routes by credential
    scope; `moto.core.responses.BaseResponse.get_access_key` takes the account from the header
    `x-moto-account-id`. botocore: an answer returned by a `before-send` handler is used in place
    of sending (botocore.httpsession, `EndpointHttp._send_request`).
"""

import io
import itertools
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Final, Self
from urllib.parse import unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local_region.backends.kept_accounts import forget, keep, untrack_models, untrack_objects
from local_region.errors import AccountInUseError

ACCOUNT_HEADER: Final = "x-moto-account-id"
SWEPT_EVERY: Final = 256
"""Answers between two sweeps of what moto remembers of all that it ever made."""
_CREATING: Final = threading.Lock()
"""A session may be used by many threads, but makes its clients one at a time (boto3's guide)."""


@cache
def _session() -> boto3.session.Session:
    """Return the process's session: it reads the services' models, which are large, once."""
    return boto3.session.Session()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer of an AWS service."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class _Dispatcher(DomainDispatcherApplication):
    """Remembers which backend a host means; moto looks through its folders at every request."""

    def __init__(self, create_app: Callable[[Any], Any]) -> None:
        super().__init__(create_app)
        self.get_backend_for_host: Any = lru_cache(maxsize=256)(super().get_backend_for_host)


class MotoBackends:
    """The state of one account in one region, and the ways to it."""

    _open_accounts: ClassVar[set[str]] = set()

    def __init__(self, *, account: str, region: str, endpoint: str) -> None:
        self.account, self.region, self.endpoint = account, region, endpoint
        self._application = _Dispatcher(self._application_of)
        self._clients: dict[str, Any] = {}
        self._kept: set[str] = set()
        self._answered = itertools.count(1)

    @classmethod
    def open(cls, *, account: str, region: str, endpoint: str) -> Self:
        """Take the account.

        Args:
            account: Twelve digits.
            region: The region's name.
            endpoint: Where clients outside reach it; queue URLs carry it.

        Raises:
            AccountInUseError: Another region of this process has it.
        """
        if account in cls._open_accounts:
            raise AccountInUseError(account)
        cls._open_accounts.add(account)
        return cls(account=account, region=region, endpoint=endpoint)

    def close(self) -> None:
        """Forget everything the account holds, and give it back."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self._forget()
        self._kept.clear()
        self._open_accounts.discard(self.account)

    def keep(self, service: str) -> None:
        """Let nobody else of this process reset what a service holds; one that is asked is kept."""
        keep(service, self.account)
        self._kept.add(service)

    def forget(self) -> None:
        """Begin again with an empty account; clients and addresses stay."""
        self._forget()
        for service in tuple(self._kept):
            keep(service, self.account)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return the boto3 client of a service, answered in this process."""
        if service not in self._clients:
            with _CREATING:
                client = _session().client(
                    service,  # type: ignore[call-overload]
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    aws_access_key_id="local",
                    aws_secret_access_key="local",  # noqa: S106 - nobody checks it
                    config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
                )
            client.meta.events.register("before-send", self._before_send)
            self._clients[service] = client
        return self._clients[service]

    def has_waiting(self, queue: str) -> bool:
        """Whether a consumer of a queue would get a message now; asked too often for a call."""
        from moto.sqs.models import sqs_backends  # noqa: PLC0415 - for regions with consumers

        found = sqs_backends[self.account][self.region].queues.get(queue)
        return found is not None and any(message.visible for message in found.messages)

    def _forget(self) -> None:
        untrack_objects(self.account)
        for service in tuple(self._kept):
            forget(service, self.account)
            untrack_models(service)

    def _application_of(self, service: Any) -> Any:  # noqa: ANN401 - moto's names, Flask's class
        self.keep(service)
        return create_backend_app(service)

    def _before_send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        parts = urlsplit(request.url)
        answer = self.answer(
            method=request.method,
            path=parts.path or "/",
            query=parts.query,
            headers=[
                ("Host", parts.netloc),
                *((name, _as_text(value)) for name, value in request.headers.items()),
            ],
            body=_as_bytes(request.body),
        )
        headers: Any = dict(answer.headers)
        return AWSResponse(request.url, answer.status, headers, _Raw(answer.body))

    def answer(
        self,
        *,
        method: str,
        path: str,
        query: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
    ) -> Answer:
        """Answer one HTTP request as the service named by its credential scope would.

        Blocking; call it from a thread when an event loop is waiting.
        """
        environ = _environ(method, path, query, headers, body)
        environ[_wsgi_name(ACCOUNT_HEADER)] = self.account
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, response_headers: list[tuple[str, str]], _: object = None
        ) -> Callable[[bytes], None]:
            started.append((status, response_headers))
            return lambda _data: None

        with closing(_Closable(self._application(environ, start_response))) as chunks:
            content = b"".join(chunks.parts)
        self._sweep()
        status, response_headers = started[-1]
        return Answer(
            status=int(status.split(" ", 1)[0]), headers=tuple(response_headers), body=content
        )

    def _sweep(self) -> None:
        """Bound what moto remembers of its objects: a region may be up for weeks."""
        untrack_objects(self.account)
        if not next(self._answered) % SWEPT_EVERY:
            for service in tuple(self._kept):
                untrack_models(service)


class _Closable:
    """A WSGI body; `close` is optional there."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self.parts = parts

    def close(self) -> None:
        getattr(self.parts, "close", lambda: None)()


class _Raw(io.BytesIO):
    """A response body as urllib3 offers it."""

    def stream(self, amt: int = 65536, **_: object) -> Iterable[bytes]:
        while chunk := self.read(amt):
            yield chunk


def _as_text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _as_bytes(body: Any) -> bytes:  # noqa: ANN401 - bytes, text, a file or nothing
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else _as_bytes(body.read())


def _environ(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], body: bytes
) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(path).encode().decode("latin-1"),
        "RAW_URI": path,
        "REQUEST_URI": path + (f"?{query}" if query else ""),
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        environ[_wsgi_name(name)] = value
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def _wsgi_name(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"
