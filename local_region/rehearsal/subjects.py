"""Subjects of a rehearsed experiment: they ask, an arm answers, and something comes of it later."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from falaj.experiments.subject import SubjectSource, Where
from local_region.gateway.messages import Request
from local_region.rehearsal.crowd import USER_AGENT, address_of
from local_region.rehearsal.trial import Trial

RETURNING: Final = 0.3
"""Part of requests that come from a subject who has asked before."""
REMEMBERED: Final = 50
"""Subjects who may come back."""
_SOON: Final = 0.1
"""Mean delay of an outcome, as a part of the outcome window; none comes after the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request and who makes it.

    Attributes:
        at: When.
        subject: Who; empty where requests are the units.
        number: Of the request, from 1.
        is_new: Whether the subject has not asked before.
        request: What is sent.
    """

    at: datetime
    subject: str
    number: int
    is_new: bool
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Telling:
    """One piece of feedback on its way; ordered by when it is told."""

    at: datetime
    number: int
    inference_id: str
    value: float | bool


def askings(
    trial: Trial, *, cases: Sequence[dict[str, Any]], url: str, start: datetime
) -> Iterator[Asking]:
    """Yield requests as a Poisson process until enough units have come.

    Args:
        trial: Units, traffic and seed.
        cases: The model's golden cases.
        url: The API's address, which requests name as their host.
        start: The first request comes after it.
    """
    rng = random.Random(f"{trial.seed}/asking")  # noqa: S311 - repeatable, not secret
    source, known = trial.spec.subject, list[str]()
    units, number, at = 0, 0, start
    while units < trial.most_units:
        at += timedelta(seconds=rng.expovariate(trial.traffic_rps))
        number += 1
        is_new = source is None or not known or rng.random() >= RETURNING
        units += is_new
        subject = ""
        if source is not None:
            subject = f"subject-{trial.seed}-{units}" if is_new else rng.choice(known)
            known = [*known[-REMEMBERED:], subject] if is_new else known
        case = rng.choice(cases)["request"]
        yield Asking(
            at=at,
            subject=subject,
            number=number,
            is_new=is_new,
            request=_request(trial, case, subject, number, at=at, url=url),
        )


def _request(
    trial: Trial, case: dict[str, Any], subject: str, number: int, *, at: datetime, url: str
) -> Request:
    tail = hashlib.sha256(f"{trial.seed}/trace/{number}".encode()).hexdigest()[:24]
    headers = [
        ("host", urlsplit(url).netloc),
        ("content-type", "application/json"),
        USER_AGENT,
        ("x-amzn-trace-id", f"Root=1-{int(at.timestamp()):08x}-{tail}"),
    ]
    body = case
    if trial.spec.subject is not None:
        headers, body = _named(trial.spec.subject, subject, headers, case)
    return Request(
        method="POST",
        path=f"/v2/models/{trial.spec.model}/infer",
        query="",
        headers=tuple(headers),
        body=json.dumps(body, separators=(",", ":")).encode(),
        source_ip=address_of(number),
    )


def _named(
    source: SubjectSource, subject: str, headers: list[tuple[str, str]], case: dict[str, Any]
) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Say who asks where the experiment looks for it."""
    if source.where is Where.HEADER:
        return [*headers, (source.name.lower(), subject)], case
    parameters = {**case.get("parameters", {}), source.name: subject}
    return headers, {**case, "parameters": parameters}


class Truth:
    """Draws what comes of a unit, once for each, whatever order units come in.

    Args:
        trial: The rates or means, and the seed.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def of(self, unit: str, arm: str) -> tuple[float | bool, float] | None:
        """Return the outcome's value and its delay in seconds; None when nothing comes."""
        trial = self._trial
        rng = random.Random(f"{trial.seed}/outcome/{unit}")  # noqa: S311 - as above
        window_s = trial.spec.outcome_window.total_seconds()
        delay_s = min(rng.expovariate(1 / (_SOON * window_s)), 0.9 * window_s)
        place, truth = rng.random(), trial.truth(arm)
        if trial.is_rate:
            return (True, delay_s) if place < truth else None
        return truth * rng.expovariate(1.0), delay_s


def feedback(trial: Trial, telling: Telling, *, url: str) -> Request:
    """Write a piece of feedback as an application would send it."""
    body = {
        "inference_id": telling.inference_id,
        "metric": trial.spec.success.source,
        "value": telling.value,
    }
    return Request(
        method="POST",
        path=f"/v2/models/{trial.spec.model}/feedback",
        query="",
        headers=(
            ("host", urlsplit(url).netloc),
            ("content-type", "application/json"),
            USER_AGENT,
        ),
        body=json.dumps(body, separators=(",", ":")).encode(),
        source_ip=address_of(telling.number),
    )
