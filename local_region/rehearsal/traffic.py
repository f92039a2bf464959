"""Requests of a rehearsal: the model's golden cases, at random moments of a seeded stream."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from local_region.gateway.messages import Request
from local_region.rehearsal.callers import Caller
from local_region.rehearsal.crowd import USER_AGENT, address_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request, its moment, and on whose behalf it is; None where nobody is asked for."""

    at: datetime
    request: Request
    caller: Caller | None = None


def arrivals(
    *,
    cases: Sequence[dict[str, Any]],
    model: str,
    url: str,
    rps: float,
    seed: int,
    start: datetime,
    callers: Sequence[Caller] = (),
) -> Iterator[Arrival]:
    """Yield requests for ever, as a Poisson process of the given rate; none at rate 0.

    Args:
        cases: The model's golden cases.
        model: Its name.
        url: The API's address, which requests name as their host.
        rps: Requests a second, on average.
        seed: Of moments, cases and trace ids.
        start: The first request comes after it.
        callers: On whose behalf, each as often as the others.
    """
    if rps <= 0:
        return
    rng = random.Random(f"{seed}/traffic")  # noqa: S311 - repeatable, not secret
    bodies = [json.dumps(case["request"], separators=(",", ":")).encode() for case in cases]
    chosen = random.Random(f"{seed}/callers")  # noqa: S311 - as above
    host = ("host", urlsplit(url).netloc)
    at, number = start, 0
    while True:
        at += timedelta(seconds=rng.expovariate(rps))
        number += 1
        tail = hashlib.sha256(f"{seed}/trace/{number}".encode()).hexdigest()[:24]
        yield Arrival(
            at=at,
            caller=chosen.choice(callers) if callers else None,
            request=Request(
                method="POST",
                path=f"/v2/models/{model}/infer",
                query="",
                headers=(
                    host,
                    ("content-type", "application/json"),
                    USER_AGENT,
                    ("x-amzn-trace-id", f"Root=1-{int(at.timestamp()):08x}-{tail}"),
                ),
                body=rng.choice(bodies),
                source_ip=address_of(number),
            ),
        )


class Peekable:
    """A stream whose next element is known.

    Attributes:
        next: The next arrival; None at the end.
    """

    def __init__(self, stream: Iterator[Arrival]) -> None:
        self._stream = stream
        self.next: Arrival | None = next(stream, None)

    def take(self) -> None:
        """Go on to the one after."""
        self.next = next(self._stream, None)
