"""What of the region itself may fail in a rehearsal: a service goes dark, a zone is lost.

Dark is what its clients see of it: every call is answered 503, from functions and operators alike.
A zone takes its environments along, warm and provisioned ones too; Lambda starts others where
zones are left.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final, Self

from falaj.errors import ConfigurationError
from policies.region import FACTS_FILE

TEN_MINUTES_S: Final = 600.0
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_DURATION: Final = re.compile(r"(\d{1,6})([smh])")


class OutageKind(StrEnum):
    """What fails."""

    S3 = "s3-dark"
    DYNAMODB = "dynamodb-dark"
    KMS = "kms-dark"
    ZONE = "az"


SERVICES: Final = {
    OutageKind.S3: "s3",
    OutageKind.DYNAMODB: "dynamodb",
    OutageKind.KMS: "kms",
}
"""The name that calls to each are signed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One thing that fails for a while.

    Attributes:
        kind: What.
        zone: Id of the zone that is lost; empty for a service.
        duration_s: How long.
    """

    kind: OutageKind
    zone: str = ""
    duration_s: float = TEN_MINUTES_S

    def __str__(self) -> str:
        zone = f"{self.zone}:" if self.zone else ""
        return f"{self.kind.value}={zone}{self.duration_s:g}s"

    @staticmethod
    def names(text: str) -> bool:
        """Whether a fault is asked for that is an outage."""
        return text.partition("=")[0] in set(OutageKind)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `s3-dark`, `kms-dark=5m`, `az=mec1-az1` or `az=mec1-az1:5m`.

        Raises:
            ConfigurationError: A zone or duration is none.

        Example:
            >>> str(Outage.parse("kms-dark=5m")), Outage.parse("az=mec1-az2").zone
            ('kms-dark=300s', 'mec1-az2')
        """
        name, _, value = text.partition("=")
        kind = OutageKind(name)
        if kind is not OutageKind.ZONE:
            return cls(kind=kind, duration_s=_seconds(text, value))
        zone, _, duration = value.partition(":")
        if zone not in zones():
            ids = ", ".join(zones())
            raise ConfigurationError(
                [f"fault {text!r}: write az=ID or az=ID:10m with one of {ids}, or how many"]
            )
        return cls(kind=kind, zone=zone, duration_s=_seconds(text, duration))

    @classmethod
    def parse_all(cls, text: str) -> tuple[Self, ...]:
        """Read what one word asks for: `az=2` and `az=2:5m` are the first two zones at once.

        Raises:
            ConfigurationError: A zone, number or duration is none.

        Example:
            >>> [outage.zone for outage in Outage.parse_all("az=2")]
            ['mec1-az1', 'mec1-az2']
        """
        name, _, value = text.partition("=")
        count, colon, duration = value.partition(":")
        if name != OutageKind.ZONE or not (count.isascii() and count.isdigit()):
            return (cls.parse(text),)
        if not 0 < int(count) < len(zones()):
            most = len(zones()) - 1
            raise ConfigurationError(
                [f"fault {text!r}: write az=1 to az={most}; one zone is spared"]
            )
        return tuple(cls.parse(f"az={zone}{colon}{duration}") for zone in zones()[: int(count)])

    @property
    def says(self) -> str:
        """What it means, for people."""
        if self.zone:
            return f"zone {self.zone} is lost"
        return f"{SERVICES[self.kind]} answers nobody"


@dataclass(slots=True)
class Span:
    """One outage as it was.

    Attributes:
        outage: Which.
        begins: When it began.
        ends: When it was over.
        requests: Requests that were sent meanwhile.
        bad: Those answered 5xx, or by nobody.
        environments: Environments that it ended.
        share: The candidate's share when it began.
        share_after: The candidate's share when it ended, or the rehearsal did.
    """

    outage: Outage
    begins: datetime
    ends: datetime
    requests: int = 0
    bad: int = 0
    environments: int = 0
    share: float = 0.0
    share_after: float = 0.0

    @property
    def told_of_share(self) -> str:
        """What became of the rollout meanwhile, for people."""
        if self.share_after == self.share:
            return f"the candidate's share stayed {self.share:.0%}"
        return f"the candidate's share went from {self.share:.0%} to {self.share_after:.0%}"

    def to_dict(self, seconds: Callable[[datetime], float]) -> dict[str, Any]:
        """Write it as JSON values.

        Args:
            seconds: Turns an instant into virtual seconds after the release.
        """
        return {
            "outage": str(self.outage),
            "begins_s": seconds(self.begins),
            "ends_s": seconds(self.ends),
            "requests": self.requests,
            "bad": self.bad,
            "environments": self.environments,
            "share_before": self.share,
            "share_after": self.share_after,
        }


@dataclass(slots=True)
class Outages:
    """What is dark now, and what was.

    Attributes:
        wanted: What is asked for.
        spans: What has begun.
    """

    wanted: Sequence[Outage]
    spans: list[Span] = field(default_factory=list)
    _open: list[Span] = field(default_factory=list)

    def begin(self, now: datetime, share: float) -> None:
        """Let everything that is asked for begin."""
        for outage in self.wanted:
            ends = now + timedelta(seconds=outage.duration_s)
            span = Span(outage=outage, begins=now, ends=ends, share=share)
            self.spans.append(span)
            self._open.append(span)

    def ended(self, now: datetime, share: float) -> Iterator[Span]:
        """Yield what is over by now, each once."""
        for span in [span for span in self._open if span.ends <= now]:
            span.share_after = share
            self._open.remove(span)
            yield span

    def next_end(self) -> datetime | None:
        """Say when the next is over."""
        return min((span.ends for span in self._open), default=None)

    def sent(self, *, is_bad: bool) -> None:
        """Count a request in everything that is under way."""
        for span in self._open:
            span.requests += 1
            span.bad += is_bad

    def close(self, share: float) -> None:
        """Note how far the candidate was when the rehearsal ended before an outage did."""
        for span in self._open:
            span.share_after = share

    @property
    def dark(self) -> frozenset[str]:
        """Services that are dark."""
        return dark_of(span.outage for span in self._open)

    @property
    def lost_zones(self) -> frozenset[str]:
        """Zones that are lost."""
        return lost_of(span.outage for span in self._open)


def dark_of(outages: Iterable[Outage]) -> frozenset[str]:
    """Return the services that these outages keep dark."""
    return frozenset(SERVICES[outage.kind] for outage in outages if outage.kind in SERVICES)


def lost_of(outages: Iterable[Outage]) -> frozenset[str]:
    """Return the zones that these outages take."""
    return frozenset(outage.zone for outage in outages if outage.zone)


@cache
def zones() -> tuple[str, ...]:
    """Return the ids of the region's availability zones."""
    return tuple(json.loads(FACTS_FILE.read_text(encoding="utf-8"))["availability_zone_ids"])


def zone_of(environment: str, lost: frozenset[str] = frozenset()) -> str:
    """Return the zone an environment runs in: spread evenly, and never one that is lost.

    Which zone Lambda takes it does not tell; that it spreads over all is documented.

    Source: docs.aws.amazon.com/lambda/latest/dg/security-resilience.html ("Lambda runs your
    function in multiple Availability Zones"), read 2026-11-22.
    """
    left = [zone for zone in zones() if zone not in lost]
    return left[sum(environment.encode()) % len(left)] if left else ""


def checked(outages: Sequence[Outage]) -> tuple[Outage, ...]:
    """Return the outages, none of which is asked for twice, and of which one zone is spared.

    Raises:
        ConfigurationError: One is asked for twice, or every zone is to be lost.
    """
    seen: set[tuple[OutageKind, str]] = set()
    for outage in outages:
        if (outage.kind, outage.zone) in seen:
            raise ConfigurationError([f"fault {outage}: give each kind and zone once"])
        seen.add((outage.kind, outage.zone))
    if len({outage.zone for outage in outages if outage.zone}) == len(zones()):
        raise ConfigurationError(["every zone is lost: nothing is left that could be rehearsed"])
    return tuple(outages)


def _seconds(text: str, duration: str) -> float:
    if not duration:
        return TEN_MINUTES_S
    found = _DURATION.fullmatch(duration)
    if found is None or not int(found[1]):
        raise ConfigurationError([f"fault {text!r}: {duration!r} is no duration, as 10m"])
    return float(int(found[1]) * _UNITS[found[2]])
