"""`POST /v2/models/{model}/feedback`: what came of an inference, told later."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from falaj.domain.clock import Clock
from falaj.errors import PayloadTooLargeError, UnknownModelError
from falaj.experiments.feedback import MOST_BYTES, Taken, outcomes_in
from falaj.experiments.records import Outcome
from falaj.http.compression import inflated

TakeFeedback = Callable[[str, Sequence[Outcome], Any], Taken]
"""Keeps outcomes of a model, given when they were received."""


def add_feedback(app: FastAPI, models: Sequence[str], *, take: TakeFeedback, clock: Clock) -> None:
    """Add the route.

    Args:
        app: Gets it.
        models: Names of the models that take feedback.
        take: Keeps outcomes.
        clock: Tells when they were received.
    """
    known = frozenset(models)

    @app.post("/v2/models/{model}/feedback", status_code=202)
    async def feedback(model: str, request: Request) -> dict[str, int]:
        if model not in known:
            raise UnknownModelError(model)
        received = clock.now()
        outcomes = outcomes_in(await _body(request), received=received)
        taken = await run_in_threadpool(take, model, outcomes, received)
        return taken.to_dict()


async def _body(request: Request) -> bytes:
    """Read a body, no further than it may be long, compressed or not."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise PayloadTooLargeError(
                what="the feedback", limit=MOST_BYTES, mend="send fewer outcomes at a time"
            )
    encoding = request.headers.get("content-encoding", "")
    return inflated(bytes(body), encoding, limit=MOST_BYTES)
