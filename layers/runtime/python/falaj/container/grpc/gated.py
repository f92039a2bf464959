"""gRPC behind a gate: whoever may not gets UNAUTHENTICATED, PERMISSION_DENIED, or has to wait.

Who calls is looked at before a message is read; whether he may, when it is known for which model.
"""

from typing import Any, Final

from falaj.container.certified_callers import NOBODY, Caller, caller_of
from falaj.container.gate import Gate, asked_by_name
from falaj.domain import access

Context = Any  # grpc.aio.ServicerContext, which has no usable static type

OPERATIONS: Final = {
    "ModelInfer": "infer",
    "ModelConfig": "modelConfig",
    "ModelMetadata": "modelMetadata",
    "ModelReady": "modelReady",
    "ModelStatistics": "modelStatistics",
    "RepositoryIndex": "repositoryIndex",
    "ServerLive": "serverLive",
    "ServerMetadata": "serverMetadata",
    "ServerReady": "serverReady",
}
"""The route of the table that a method is; the repository is changed over no route."""


class Known:
    """A call's context once it is known who calls.

    Attributes:
        who: On whose behalf, and with which scopes.
        held: What is given back when the call is answered.
    """

    def __init__(self, context: Context, who: access.Caller) -> None:
        self._context, self.who, self.held = context, who, ""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - grpc has no usable static type
        return getattr(self._context, name)


class Door:
    """The gate as a servicer uses it; where there is none it lets everybody in.

    Args:
        gate: Who may; None for everybody.
    """

    def __init__(self, gate: Gate | None) -> None:
        self._gate = gate

    async def known(self, context: Context) -> Context:
        """Return a call's context with who calls in it.

        Raises:
            AccessError: Nobody that is known.
            DependencyError: There are no keys to look with.
        """
        if self._gate is None:
            return context
        return Known(context, await self._gate.caller(_headers(context)))

    async def enter(self, context: Context, method: str, model: str = "") -> None:
        """Let a call in of whom it is known who calls.

        Args:
            context: As `known` has returned it.
            method: What it asks for.
            model: Of which model; empty where it names none.

        Raises:
            AccessError: Who calls may not, or asks too often.
        """
        if self._gate is not None:
            asked = asked_by_name(OPERATIONS.get(method, ""), model)
            context.held = await self._gate.let_in(context.who, asked)

    def leave(self, context: Context) -> None:
        """Note that a call is answered."""
        if self._gate is not None and isinstance(context, Known):
            held, context.held = context.held, ""
            self._gate.leave(held)

    def caller(self, context: Context) -> Caller:
        """Name who calls: as the gate knows him, or the balancer where there is none."""
        if isinstance(context, Known):
            return Caller(context.who.tenant, context.who.subject)
        return caller_of(context.invocation_metadata()) if self._gate is None else NOBODY


def _headers(context: Context) -> dict[str, str]:
    """Metadata as headers; of a name that is sent twice nobody could say which one counts."""
    headers: dict[str, str] = {}
    for name, value in context.invocation_metadata() or ():
        headers[name] = "" if name in headers else str(value)
    return headers
