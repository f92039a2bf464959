"""The Lambda Extensions API for internal extensions: threads of the function's own process.

An environment is ready, and gets its next invocation, when the runtime *and* every extension have
asked for the next event; the caller has the answer as soon as the runtime has given it.

Source:
    docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html ("Init phase", "Invoke
    phase"; at most ten extensions; internal ones may not register for Shutdown); refusals as
    aws-lambda-runtime-interface-emulator's `rapi/handler/agentregister.go` and `agentnext.go` word
    them, read 2026-11-22.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

ROOT: Final = "/2020-01-01/extension/"
IDENTIFIER: Final = "Lambda-Extension-Identifier"
MOST: Final = 10
_INVOKE: Final = "INVOKE"


class Waiter(Protocol):
    """A connection on which an extension waits for its next event."""

    def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer the wait."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call of the API gets at once."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Registered:
    name: str
    is_told: bool
    waiting: Waiter | None = None


class Extensions:
    """The extensions of one environment.

    Args:
        identity: The environment's, from which identifiers are made.
        about: What a registration is told of the function.
    """

    def __init__(self, identity: str, about: Mapping[str, str]) -> None:
        self._identity, self._about = identity, about
        self._known: dict[str, _Registered] = {}
        self._all_wait = asyncio.Event()
        self._all_wait.set()
        self.is_open = True

    @property
    def are_ready(self) -> bool:
        """Whether each one waits for its next event."""
        return self._all_wait.is_set()

    async def ready(self) -> None:
        """Return when each one waits, or none is left."""
        await self._all_wait.wait()

    def register(self, name: str, body: bytes) -> Answer:
        """Take an extension, during the Init phase only."""
        try:
            events = list(json.loads(body)["events"])
        except (KeyError, TypeError, ValueError) as error:
            return _refused("InvalidRequestFormat", str(error))
        if not name:
            return _refused("Extension.InvalidExtensionName", "Empty extension name")
        if wrong := [event for event in events if event != _INVOKE]:
            return _refused("Extension.InvalidEventType", f"{wrong[0]}: invalid event")
        if not self.is_open:
            return _refused("Extension.RegistrationClosed", "Extension registration closed already")
        if any(known.name == name for known in self._known.values()):
            return _refused(
                "Extension.InvalidExtensionState", "Extension with this name already registered"
            )
        if len(self._known) >= MOST:
            return _refused("Extension.TooManyExtensions", f"Extension limit ({MOST}) reached")
        identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._identity}/{name}"))
        self._known[identifier] = _Registered(name, is_told=_INVOKE in events)
        self._all_wait.clear()
        return Answer(
            status=200,
            body=json.dumps(dict(self._about)).encode(),
            headers={IDENTIFIER: identifier},
        )

    def wait(self, identifier: str, waiter: Waiter) -> Answer | None:
        """Park an extension until the next event; an unknown one is answered at once."""
        known = self._known.get(identifier)
        if known is None:
            return _refused(
                "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}"
            )
        known.waiting = waiter
        self._look()
        return None

    def announce(self, *, request_id: str, deadline_ms: str, arn: str, trace: str) -> None:
        """Tell each one that asked for it of an invocation."""
        event = {
            "eventType": _INVOKE,
            "deadlineMs": int(deadline_ms or 0),
            "requestId": request_id,
            "invokedFunctionArn": arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": trace},
        }
        for known in self._known.values():
            if known.is_told and known.waiting is not None:
                waiter, known.waiting = known.waiting, None
                waiter.reply(200, json.dumps(event).encode())
        self._look()

    def forget(self) -> None:
        """Forget every one: the process is gone."""
        self._known.clear()
        self.is_open = True
        self._look()

    def _look(self) -> None:
        if all(known.waiting is not None for known in self._known.values()):
            self._all_wait.set()
        else:
            self._all_wait.clear()


def _refused(kind: str, message: str) -> Answer:
    body = {"errorMessage": message, "errorType": kind}
    return Answer(status=403, body=json.dumps(body).encode(), headers={})
