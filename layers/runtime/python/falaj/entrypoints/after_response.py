"""Work that begins when a caller has the answer, and ends before Lambda freezes the environment.

An *internal extension* is a thread of the function's own process. Lambda sends the answer as soon
as the handler has returned it, and freezes the environment, or gives it its next request, only when
runtime and extensions have both asked for the next event. What the thread does before it asks
is therefore waited for by nobody and cut off by nothing but the function's timeout.

Source:
    docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html ("Internal extensions",
    "Invoke phase", `POST /extension/register`, `GET /extension/event/next`);
    aws.amazon.com/blogs/compute/running-code-after-returning-a-response-from-an-aws-lambda-function
    ("Using Lambda extensions").
"""

import json
import threading
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Final

from falaj.errors import DependencyError

NAME: Final = "falaj-after-response"
_ROOT: Final = "/2020-01-01/extension"
_IDENTIFIER: Final = "Lambda-Extension-Identifier"
_OK: Final = 200
_ATTEMPTS: Final = 2  # the second for a kept connection that was closed


class Extension:
    """This process, registered for every invocation.

    Args:
        api: Host and port of the Runtime API (`AWS_LAMBDA_RUNTIME_API`).

    Raises:
        DependencyError: Lambda takes no registration; after the Init phase it never does.
    """

    def __init__(self, api: str) -> None:
        self._connection = HTTPConnection(api)
        body = json.dumps({"events": ["INVOKE"]})
        try:
            self._connection.request(
                "POST", f"{_ROOT}/register", body, {"Lambda-Extension-Name": NAME}
            )
            response = self._connection.getresponse()
            said = response.read()
        except (OSError, HTTPException) as error:
            raise _refused(str(error)) from error
        identifier = response.headers.get(_IDENTIFIER)
        if response.status != _OK or identifier is None:
            raise _refused(f"{response.status} {said[:200].decode(errors='replace')}")
        self._headers = {_IDENTIFIER: identifier}

    def next(self) -> bool:
        """Say that all is done, and wait for the next invocation; false when none will come."""
        for _ in range(_ATTEMPTS):
            try:
                self._connection.request("GET", f"{_ROOT}/event/next", headers=self._headers)
                response = self._connection.getresponse()
                response.read()
            except (OSError, HTTPException):
                self._connection.close()  # the next request opens it again
            else:
                return response.status == _OK
        return False


class AfterResponse:
    """Runs what `then` was last given, once for each invocation, in a thread of its own.

    Args:
        extension: The registration.
        on_failure: Told of an error that `then`'s work did not expect; the next one is tried.
    """

    def __init__(self, extension: Extension, *, on_failure: Callable[[Exception], object]) -> None:
        self._extension, self._on_failure = extension, on_failure
        self._answered = threading.Event()
        self._work: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin; from now on every invocation must end with `then`."""
        threading.Thread(target=self._run, name=NAME, daemon=True).start()

    def then(self, work: Callable[[], None] | None) -> None:
        """Say that the handler has its answer, and what is left to do, if anything."""
        self._work = work
        self._answered.set()

    def _run(self) -> None:
        while self._extension.next():
            self._answered.wait()
            self._answered.clear()
            work, self._work = self._work, None
            if work is None:
                continue
            try:
                work()
            except Exception as error:  # noqa: BLE001 - without this thread no request follows
                self._on_failure(error)


def _refused(reason: str) -> DependencyError:
    return DependencyError(service="lambda", doing="register an internal extension", reason=reason)
