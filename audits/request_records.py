"""Where it is written down who asked for what: logs of APIs, and logs that feed the audit trail.

A request that API Gateway itself refuses (its authorizer, its firewall, a usage plan) reaches
nothing of ours: the API's access log is its only record. All others are in the trail.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.application import Resource, Stack, View
from policies.values import at

ACCESS: Final = "access log"
TRAIL: Final = "audit trail"
_STAGES: Final = {
    "AWS::ApiGateway::Stage": "AccessLogSetting",
    "AWS::ApiGatewayV2::Stage": "AccessLogSettings",
}
_FEED: Final = "AWS::Logs::SubscriptionFilter"
_GROUP: Final = "AWS::Logs::LogGroup"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One place where requests are written down.

    Attributes:
        resource: What writes there, or leads on: an API's stage, or a subscription.
        kind: `access log` or `audit trail`.
        log_group: The log group.
        days: How long it is kept; None if that is not in its stack.
        format: What an access log says of each request; empty for the trail, whose records have
            one form.
    """

    resource: str
    kind: str
    log_group: str
    days: int | None
    format: str = ""


def request_records(stacks: Iterable[Stack]) -> tuple[RequestRecord, ...]:
    """Return every place where requests are written down."""
    return tuple(record for stack in stacks for record in _of_view(next(stack.views())))


def _of_view(view: View) -> Iterator[RequestRecord]:
    groups = {group.id: group for group in view.of_type(_GROUP)}
    templates = view.stack.template.get("Resources", {})
    for stage in view.of_type(*_STAGES):
        setting = at(templates, f"{stage.id}.Properties.{_STAGES[stage.type]}") or {}
        group = groups.get(_named(setting.get("DestinationArn")))
        yield _record(stage, ACCESS, group, str(setting.get("Format", "")))
    for feed in view.of_type(_FEED):
        told = at(templates, f"{feed.id}.Properties") or {}
        if "audit" in str(told.get("FilterPattern", "")):
            yield _record(feed, TRAIL, groups.get(_named(told.get("LogGroupName"))), "")


def _named(value: object) -> str:
    """Return which resource of the same stack a `Ref` or `Fn::GetAtt` names; empty for others."""
    if isinstance(value, Mapping):
        named: Any = value.get("Ref") or value.get("Fn::GetAtt")
        return str(named[0] if isinstance(named, list) else named)
    return ""


def _record(resource: Resource, kind: str, group: Resource | None, format_: str) -> RequestRecord:
    days = group.properties.get("RetentionInDays") if group else None
    return RequestRecord(
        resource=resource.name,
        kind=kind,
        log_group=group.name if group else "(none in this stack)",
        days=days if isinstance(days, int) else None,
        format=format_,
    )
