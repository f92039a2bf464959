"""One kept connection to a service, which asks with a deadline and never for ever."""

import http.client
import ssl
from typing import Final
from urllib.parse import urlsplit

from falaj.entrypoints.breaker_events import Answered, Forwarded
from falaj.errors import ServiceUnreachableError

CONNECT_S: Final = 1.0


class Upstream:
    """Asks a service over HTTP/1.1.

    Args:
        endpoint: `http(s)://host[:port]`.
        server_name: Name that its certificate must hold; empty over plain HTTP.
        trust: Whose certificates are believed; the system's by default.
    """

    def __init__(
        self, endpoint: str, *, server_name: str = "", trust: ssl.SSLContext | None = None
    ) -> None:
        url = urlsplit(endpoint)
        self._host = url.hostname or ""
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._server_name = server_name
        self._trust = (trust or ssl.create_default_context()) if url.scheme == "https" else None
        self._kept: http.client.HTTPConnection | None = None

    def __call__(self, asked: Forwarded, *, within_s: float) -> Answered:
        """Return what the service answers.

        Raises:
            ServiceUnreachableError: There is no connection, or no answer in time.
        """
        is_kept = self._kept is not None
        try:
            return self._ask(asked, within_s)
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError) as error:
            self.close()
            if not is_kept:
                raise _unreachable(error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _unreachable(error) from error
        # The service closed a connection that had been idle, before it read the request.
        try:
            return self._ask(asked, within_s)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _unreachable(error) from error

    def close(self) -> None:
        """Close the connection that is kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _ask(self, asked: Forwarded, within_s: float) -> Answered:
        connection = self._kept or self._connected(within_s)
        self._kept = connection
        if connection.sock is not None:
            connection.sock.settimeout(within_s)
        host = self._server_name or f"{self._host}:{self._port}"
        connection.request(
            asked.method, asked.path, body=asked.body, headers={**asked.headers, "host": host}
        )
        response = connection.getresponse()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        if response.will_close:
            self.close()
        return Answered(response.status, headers, body)

    def _connected(self, within_s: float) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(
            self._host, self._port, timeout=min(CONNECT_S, within_s)
        )
        connection.connect()
        if self._trust is not None:
            connection.sock = self._trust.wrap_socket(
                connection.sock, server_hostname=self._server_name
            )
        return connection


def _unreachable(error: Exception) -> ServiceUnreachableError:
    return ServiceUnreachableError(reason=f"{type(error).__name__}: {error}"[:200])
