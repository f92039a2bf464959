"""The dashboard of what all models share: the API, the controller, what failed and who waits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from falaj import contract
from falaj.contract import ALL_MODELS, DIMENSION_MODEL, DIMENSION_SCOPE, METRIC_NAMESPACE
from infra.dashboards.reading import head
from infra.dashboards.widgets import (
    Alarms,
    Board,
    Entry,
    Graph,
    Line,
    Widget,
    metric,
    search,
    told_by,
)

API: Final = "AWS/ApiGateway"
_FUNCTIONS: Final = ("AWS/Lambda", "FunctionName")
_QUEUES: Final = ("AWS/SQS", "QueueName")
_OVER_ALL: Final = {DIMENSION_SCOPE: ALL_MODELS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the platform has.

    Attributes:
        api_id: The HTTP API's id, a token; empty for a REST API, whose metrics go by its name.
        api_name: The API's name.
        has_tenants: Whether tenants are counted, and the last priorities wait where room is short.
        has_audit: Whether requests are recorded.
        docs_url: Where a copy of the documentation can be read; empty where none can.
    """

    api_id: str
    api_name: str
    has_tenants: bool
    has_audit: bool
    docs_url: str


def platform_board(overview: Overview) -> Board:
    """Write the platform's dashboard."""
    return Board(
        name=contract.PLATFORM_DASHBOARD,
        rows=[[_head(overview)], *_graphs(overview)],
        names={"Api": overview.api_id} if overview.api_id else {},
    )


def _head(overview: Overview) -> Widget:
    return head(
        "Falaj: what all models share",
        ["First: `falaj rollout status`; then the model's own dashboard, `falaj-<model>`."],
        {
            "the controller": "runbook.md#the-controller-itself",
            "zones": "runbook.md#when-zones-are-lost",
            "the audit trail": "runbook.md#the-audit-trail",
            "heartbeat": "reference/alarms.md#heartbeat",
        },
        overview.docs_url,
    )


def _graphs(overview: Overview) -> Iterator[list[Widget]]:
    by_model = (METRIC_NAMESPACE, DIMENSION_MODEL)
    told = told_by(DIMENSION_MODEL)
    yield list(_api(overview))
    yield [
        Graph(
            title="Requests a minute, by model",
            entries=[search(by_model, f'MetricName="{contract.METRIC_REQUESTS}"', label=told)],
            is_stacked=True,
        ),
        Graph(
            title="Bad answers a minute, by model",
            entries=[search(by_model, f'MetricName="{contract.METRIC_BAD}"', label=told)],
            is_stacked=True,
        ),
        Graph(
            title="Callers' errors a minute, by model",
            entries=[search(by_model, f'MetricName="{contract.METRIC_CLIENT_ERRORS}"', label=told)],
            is_stacked=True,
        ),
    ]
    yield [
        Graph(
            title="The controller's rounds a minute, and its errors",
            entries=[
                metric(METRIC_NAMESPACE, contract.METRIC_HEARTBEAT, label="rounds"),
                _functions("Errors", "FalajRollouts", "errors of "),
            ],
            lines=[Line(value=1, says="heartbeat: below it for three minutes")],
        ),
        Graph(
            title="Evidence of harm, log₁₀, by model and release",
            entries=[
                search(
                    (METRIC_NAMESPACE, DIMENSION_MODEL, contract.DIMENSION_RELEASE),
                    f'MetricName="{contract.METRIC_LOG_EVIDENCE}"',
                    stat="Maximum",
                    label=f"{told} {told_by(contract.DIMENSION_RELEASE)}",
                )
            ],
            stat="Maximum",
            lines=[Line(value=0, says="evidence: rolls back")],
        ),
        Alarms(title="Controller's heartbeat", names=[contract.HEARTBEAT_ALARM]),
    ]
    yield list(_failures(overview))
    if overview.has_audit:
        yield list(_audit())


def _api(overview: Overview) -> Iterator[Widget]:
    """Show the API; its names differ with its kind.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html (by `ApiId`);
        …/api-gateway-metrics-and-dimensions.html (by `ApiName`), read 2026-11-22.
    """
    if overview.api_id:
        of_api, callers, ours = {"ApiId": "${Api}"}, "4xx", "5xx"
    else:
        of_api, callers, ours = {"ApiName": overview.api_name}, "4XXError", "5XXError"
    yield Graph(
        title="The API: answers a minute",
        entries=[
            metric(API, "Count", of_api, label="requests"),
            metric(API, callers, of_api, label="4xx, quotas' refusals among them"),
            metric(API, ours, of_api, label="5xx"),
        ],
    )
    yield Graph(
        title="The API: latency, ms",
        entries=[
            *(metric(API, "Latency", of_api, stat=s, label=s) for s in ("p50", "p90", "p99")),
            metric(API, "IntegrationLatency", of_api, stat="p99", label="p99 behind it"),
        ],
    )
    yield Graph(title="Who waits, and which tenants have no plan", entries=list(_waiting(overview)))


def _waiting(overview: Overview) -> Iterator[Entry]:
    yield metric(
        METRIC_NAMESPACE, contract.METRIC_REFUSED_STARTS, _OVER_ALL, label="refused starts"
    )
    if not overview.has_tenants:
        return
    yield metric(
        METRIC_NAMESPACE,
        contract.METRIC_SHED,
        _OVER_ALL,
        stat="Maximum",
        label="priorities that wait",
    )
    if not overview.api_id:
        yield metric(
            METRIC_NAMESPACE, contract.METRIC_UNPLANNED_TENANTS, _OVER_ALL, label="without a plan"
        )


def _failures(overview: Overview) -> Iterator[Widget]:
    del overview
    yield Graph(
        title="Events that failed and wait in dead-letter queues",
        entries=[
            search(
                _QUEUES,
                'MetricName="ApproximateNumberOfMessagesVisible" QueueName=Falaj',
                stat="Maximum",
                label=told_by("QueueName"),
            )
        ],
        stat="Maximum",
    )
    yield Graph(
        title="Errors of functions a minute",
        entries=[_functions("Errors", "Falaj", "")],
        is_stacked=True,
    )
    yield Graph(
        title="Throttles of functions a minute",
        entries=[_functions("Throttles", "Falaj", "")],
        is_stacked=True,
    )


def _audit() -> Iterator[Widget]:
    yield Graph(
        title="The audit trail: batches recorded a minute, and errors",
        entries=[
            _functions("Invocations", "FalajAudit", "batches of "),
            _functions("Errors", "FalajAudit", "errors of "),
        ],
    )
    yield Graph(
        title="The audit trail: time of a batch, ms",
        entries=[_functions("Duration", "FalajAudit", "p99 of ", stat="p99")],
        stat="p99",
    )


def _functions(name: str, stack: str, says: str, *, stat: str = "Sum") -> Entry:
    """Find functions by the stack that CloudFormation has named them after."""
    terms = f'MetricName="{name}" FunctionName={stack}'
    return search(_FUNCTIONS, terms, stat=stat, label=f"{says}{told_by('FunctionName')}")
