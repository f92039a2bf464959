"""Where dashboards are looked at: pages beside AWS's services, of what PutDashboard was given."""

from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote

from falaj.domain.clock import Clock
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.board import AlarmBoard
from local_region.cloudwatch.metrics import MetricStore
from local_region.dashboards.body import DashboardError, Undrawn, Widget, read_body
from local_region.dashboards.page import (
    MINUTES,
    ROOT,
    Shown,
    content_security_policy,
    dashboard_page,
    list_page,
)
from local_region.gateway.messages import Request, Response

_HTML: Final = "text/html; charset=utf-8"
_OK, _NOT_FOUND, _NOT_ALLOWED = 200, 404, 405


class Source(Protocol):
    """What pages are made of.

    Attributes:
        store: The metrics.
        board: The alarms.
    """

    store: MetricStore
    board: AlarmBoard

    def bodies(self) -> Mapping[str, str]:
        """Return every dashboard's body by its name."""
        ...


class DashboardSite:
    """Answers for the pages.

    Args:
        source: CloudWatch.
        clock: The region's time.
    """

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source, self._clock = source, clock

    async def answer(self, request: Request) -> Response:
        """Answer with a page."""
        if request.method not in {"GET", "HEAD"}:
            return _said(_NOT_ALLOWED, f"{request.method} is not allowed: a page is read by GET")
        rest = request.path.removeprefix(ROOT).strip("/")
        bodies = self._source.bodies()
        if request.path.startswith(ROOT) and not rest:
            return _page(list_page(sorted(bodies)))
        name = unquote(rest)
        if not request.path.startswith(f"{ROOT}/") or name not in bodies:
            return _said(_NOT_FOUND, f"there is no dashboard here; {ROOT} names those there are")
        shown = Shown(
            name=name,
            widgets=_widgets(bodies[name]),
            minutes=_minutes(request.query),
            now=self._clock.now(),
        )
        return _page(dashboard_page(shown, self._source.store, self._state))

    def _state(self, name: str) -> AlarmState | None:
        try:
            return self._source.board.state(name)
        except KeyError:
            return None


def _widgets(body: str) -> tuple[Widget, ...]:
    try:
        return read_body(body)
    except DashboardError as error:
        whole = Undrawn(title="", reason=str(error))
        return (Widget(x=0, y=0, width=24, height=6, content=whole),)


def _minutes(query: str) -> int:
    asked = parse_qs(query).get("minutes", [""])[0]
    return int(asked) if asked.isdecimal() and int(asked) in MINUTES else MINUTES[0]


def _page(text: str) -> Response:
    headers = (
        ("content-type", _HTML),
        ("content-security-policy", content_security_policy()),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    )
    return Response(status=_OK, headers=headers, body=text.encode())


def _said(status: int, sentence: str) -> Response:
    headers = (("content-type", "text/plain; charset=utf-8"),)
    return Response(status=status, headers=headers, body=f"{sentence}\n".encode())
