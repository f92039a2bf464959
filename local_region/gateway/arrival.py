"""A request that has found its route, and what the checks have found out about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from local_region.gateway.messages import Request
from local_region.gateway.registry import Addressed
from local_region.gateway.route import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What the checks have found out, as events tell it.

    Attributes:
        authorizer: `requestContext.authorizer`; None where nobody was asked for.
        identity: What is known of who signed, or whose key counts.
    """

    authorizer: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)


NOBODY_ASKED: Final = Admission()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request with everything an event says about it."""

    request: Request
    addressed: Addressed
    match: Match
    request_id: str
    extended_id: str
    account: str
    at: datetime
    admission: Admission = NOBODY_ASKED
