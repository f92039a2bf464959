"""A function whose plan is a shadow: answers as ever, copies afterwards, answers copies for nobody.

Nothing of this is imported by a function without such a plan (docs/decisions/0016).
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from falaj.aws.shadow_calls import ShadowCalls
from falaj.aws.signed_calls import Credentials, SignedCalls
from falaj.config.settings import Settings
from falaj.config.shadow import ShadowSettings
from falaj.domain.shadow import SHADOW_EVENT
from falaj.entrypoints.after_response import AfterResponse, Extension
from falaj.entrypoints.shadow_answering import ShadowAnswering
from falaj.entrypoints.shadow_copying import Copying
from falaj.errors import DependencyError
from falaj.http.service import Service

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]
Write = Callable[[str], object]
_MARK: Final = "falaj"


class Afterwards(Protocol):
    """Whoever runs what is left to do when a caller has the answer."""

    def then(self, work: Callable[[], None] | None) -> None:
        """Take the work, or word that there is none."""
        ...


class Shadowed:
    """A handler with copies.

    Args:
        handler: Answers requests.
        answering: Answers copies.
        copying: Copies requests.
        afterwards: Runs the copying; None where Lambda takes no registration: nothing is copied.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        answering: ShadowAnswering,
        copying: Copying,
        afterwards: Afterwards | None,
    ) -> None:
        self._handler, self._answering = handler, answering
        self._copying, self._afterwards = copying, afterwards
        self._is_cold = True

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no public type
        """Answer an event as the handler does, or a copy for nobody."""
        is_cold, self._is_cold = self._is_cold, False
        mark = event.get(_MARK) if isinstance(event, dict) else None
        work: Callable[[], None] | None = None
        try:
            if mark == SHADOW_EVENT:
                return self._answering(event, context, is_cold=is_cold)
            result = self._handler(event, context)
            if mark is None and context is not None:
                work = _later(self._copying, event, result, context.aws_request_id)
            return result
        finally:
            # Come what may: the environment's next request waits for this word.
            if self._afterwards is not None:
                self._afterwards.then(work)


def shadowed(
    handler: Handler,
    service: Service,
    settings: Settings,
    *,
    around: ShadowSettings | None = None,
    write: Write | None = None,
) -> Handler:
    """Give a handler its shadow; a Lambda that takes no extension leaves it without copies.

    Args:
        handler: Answers requests.
        service: What it serves.
        settings: The function's environment.
        around: What its shadow needs of it; read from the environment by default.
        write: Takes each log line; by default standard output.
    """
    say = write or _to_stdout
    around = around or ShadowSettings.from_env()
    if around is None:  # outside Lambda nobody sends copies
        return handler
    signed = {
        name: SignedCalls(
            name,
            region=around.region,
            credentials=Credentials(*around.credentials),
            clock=service.clock,
            endpoint=around.endpoint,
        )
        for name in ("ssm", "lambda")
    }
    calls = ShadowCalls(
        ssm=signed["ssm"],
        functions=signed["lambda"],
        parameter=around.parameter,
        function=around.function_name,
    )

    def complain(error: Exception) -> None:
        # Its type alone: an error's own words may quote a request.
        said = str(error) if isinstance(error, DependencyError) else type(error).__name__
        line = {"level": "ERROR", "message": "nothing is copied", "error": said}
        say(json.dumps(line) + "\n")

    after: AfterResponse | None = None
    try:
        after = AfterResponse(Extension(around.runtime_api), on_failure=complain)
    except DependencyError as error:
        complain(error)
    else:
        after.start()
    return Shadowed(
        handler,
        answering=ShadowAnswering(service, model=settings.model_name, write=say),
        copying=Copying(
            calls,
            model=settings.model_name,
            release=service.release,
            clock=service.clock,
            write=say,
        ),
        afterwards=after,
    )


def _later(
    copying: Copying, event: Mapping[str, Any], result: Mapping[str, Any], request_id: str
) -> Callable[[], None]:
    return lambda: copying.consider(event, result, request_id=request_id)


def _to_stdout(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
