"""What calls came to: a line for auditors of each, and counts of what the gate has failed at."""

from collections.abc import Callable
from typing import Any, Final

import grpc  # type: ignore[import-untyped]

from falaj.container.auditing import Asked, Auditing
from falaj.container.forwarding.names import Names
from falaj.container.grpc.gated import Door
from falaj.container.grpc.statuses import code_of
from falaj.container.ledger import Ledger
from falaj.errors import FalajError, RequestError, ShedError
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.trace import traces

CALLERS: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""Statuses that say that the caller can mend it."""

Context = Any  # grpc.aio.ServicerContext, which has no usable static type


class CallRecords:
    """Keeps them.

    Args:
        model: Whose calls these are.
        ledger: Counts.
        auditing: Leaves lines; None where nobody records.
        door: Knows who calls.
    """

    def __init__(self, model: str, ledger: Ledger, auditing: Auditing | None, door: Door) -> None:
        self._model, self._ledger, self._auditing, self._door = model, ledger, auditing, door

    def unread(self, operation: str) -> Callable[[FalajError, Context], None]:
        """Return what notes a call that is refused before its message is read."""

        def note(error: FalajError, context: Context) -> None:
            self.note(error, Outcome(operation=operation), context, b"", Names())

        return note

    def note(
        self, error: FalajError, outcome: Outcome, context: Context, data: bytes, names: Names
    ) -> None:
        """Note what the gate itself has refused, or failed at."""
        is_callers, code = isinstance(error, RequestError), code_of(error)
        outcome.ending = Ending.CLIENT_ERROR if is_callers else Ending.ERROR
        outcome.error_code, outcome.error = error.code, str(error)
        keys = traces(dict(context.invocation_metadata() or ()))
        self._ledger.failed(outcome, request_id="", status=code.value[0], keys=keys)
        if isinstance(error, ShedError):
            self._ledger.shed(self._model, error.priority)
        self.leave(code, outcome, context, data, names)

    def refused(
        self,
        code: grpc.StatusCode,
        outcome: Outcome,
        context: Context,
        data: bytes,
        names: Names,
    ) -> None:
        """Note what the server behind has refused, which counts that itself."""
        outcome.ending = Ending.CLIENT_ERROR if code in CALLERS else Ending.ERROR
        self.leave(code, outcome, context, data, names)

    def leave(
        self,
        code: grpc.StatusCode,
        outcome: Outcome,
        context: Context,
        data: bytes,
        names: Names,
    ) -> None:
        """Leave the line of a call."""
        if self._auditing is not None:
            asked = Asked(*self._door.caller(context), data, names.id)
            self._auditing.leave(asked, outcome, status=code.name, variant=outcome.version)
