"""One line for each request of a container, from which auditors' records are taken.

The names are those of functions' lines, so that one recorder reads both (falaj.capture.records).
A line is written before its answer is sent: whoever has an answer is in the trail. Of those who may
not come in, who can ask as often as they like, lines stand for many (falaj.capture.refusals).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from falaj.capture.recording import NOBODY_ASKED, Recording
from falaj.capture.records import AUDIT, RANDOM_ID
from falaj.capture.refusals import Refusal, Refusals
from falaj.domain.clock import Clock
from falaj.errors import ForbiddenError, QuotaExceededError, ShedError, UnauthenticatedError
from falaj.telemetry.outcome import Outcome

OF_THE_SERVER: Final = frozenset({"server_live", "server_ready", "server_metadata"})
"""What load balancers and orchestrators ask all day: about no model, and on nobody's behalf."""

REFUSALS: Final = frozenset(
    kind.code for kind in (UnauthenticatedError, ForbiddenError, QuotaExceededError, ShedError)
)


class Asked(NamedTuple):
    """A request as an auditor sees it.

    Attributes:
        tenant: On whose behalf; empty where nobody was asked.
        subject: Who asked; empty as above.
        body: What was sent.
        request_id: Its id.
    """

    tenant: str
    subject: str
    body: bytes
    request_id: str


class Auditing:
    """Leaves the lines.

    Args:
        recording: Names callers and inputs by tenants' keys.
        write: Takes each line.
        clock: Tells when.
        release: What answers.
        model: The model whose container this is; whoever asks for no known one is counted to it.
    """

    def __init__(
        self,
        recording: Recording,
        write: Callable[[str], object],
        *,
        clock: Clock,
        release: str,
        model: str = "",
    ) -> None:
        self._recording, self._write, self._clock = recording, write, clock
        self._release, self._model = release, model
        self._refusals = Refusals(recording, write, release=release, model=model)

    def leave(self, asked: Asked, outcome: Outcome, *, status: int | str, variant: str) -> None:
        """Leave a request's line.

        Args:
            asked: The request.
            outcome: What became of it.
            status: What it is answered with: HTTP's number, or gRPC's word.
            variant: What its answer names as such.
        """
        if outcome.operation in OF_THE_SERVER:
            return
        now = self._clock.now()
        if outcome.error_code in REFUSALS:
            what = (outcome.error_code, status, outcome.operation, outcome.model)
            self._refusals.note(Refusal(*what, asked.tenant, asked.subject), now)
            return
        known = (
            self._recording.of(asked.tenant, asked.subject, asked.body, now)
            if asked.tenant and asked.subject
            else self._recording.unnamed(NOBODY_ASKED)
        )
        line = {
            "level": "INFO",
            "timestamp": now.isoformat(),
            "message": outcome.operation or "unrouted",
            "model_name": outcome.model or self._model,
            "model_version": outcome.version,
            "model_digest": outcome.digest,
            "release": self._release,
            "variant": variant,
            "status": status,
            "outcome": outcome.ending.value,
            "request_id": asked.request_id if RANDOM_ID.fullmatch(asked.request_id) else None,
            AUDIT: known,
        }
        self._write(orjson.dumps(line).decode() + "\n")

    def settle(self, *, is_last: bool = False) -> None:
        """Leave what is due of refusals that were only counted.

        Args:
            is_last: Whether this is the end.
        """
        self._refusals.settle(self._clock.now(), is_last=is_last)
