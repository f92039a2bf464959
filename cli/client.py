"""A small Open Inference Protocol client on the standard library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from cli.failures import MisuseError, ServiceRefusalError, UnreachableError

ERRORS_FROM = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer and the headers it came with (names in lower case)."""

    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Client:
    """Calls one API.

    Attributes:
        url: Its address, without a slash at the end.
        timeout_s: Patience for one call, a cold start included.
        token: What it shows; empty for nothing.
    """

    url: str
    timeout_s: float = 60
    token: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise MisuseError(f"{self.url!r} is not an http address", mend="write http://host:port")

    def get(self, path: str) -> Answer:
        """Fetch a JSON document.

        Raises:
            UnreachableError: Nothing answers there, or not in HTTP.
            ServiceRefusalError: The answer is an error.
        """
        return self._call("GET", path, None)

    def post(self, path: str, body: object) -> Answer:
        """Send a JSON document and return the answer; raises as `get` does."""
        return self._call("POST", path, json.dumps(body, ensure_ascii=False).encode())

    def _call(self, method: str, path: str, body: bytes | None) -> Answer:
        parts = urlsplit(self.url)
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = make(parts.hostname or "", parts.port, timeout=self.timeout_s)
        try:
            shown = {"authorization": f"Bearer {self.token}"} if self.token else {}
            connection.request(
                method, parts.path + path, body, {"content-type": "application/json", **shown}
            )
            response = connection.getresponse()
            status, payload = response.status, response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
        except (OSError, HTTPException) as error:
            raise UnreachableError(
                f"nothing answers at {self.url} ({str(error) or type(error).__name__})",
                mend="start it with `falaj up`, or name another address with --url",
            ) from error
        finally:
            connection.close()
        document = _document(payload, status, self.url)
        if status >= ERRORS_FROM:
            raise ServiceRefusalError(status, document)
        return Answer(document, headers)


def model_path(model: str, version: str | None = None) -> str:
    """Return the path of a model, or of one version of it."""
    path = f"/v2/models/{quote(model, safe='')}"
    return f"{path}/versions/{quote(version, safe='')}" if version else path


def _document(payload: bytes, status: int, url: str) -> dict[str, Any]:
    try:
        value = json.loads(payload or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnreachableError(
            f"{url} answered {status} with something that is no JSON object",
            mend="is that the address of a Falaj API?",
        )
    return value
