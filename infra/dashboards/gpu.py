"""The dashboard of a model's GPU service: its releases, its queue, its fleets, its CPU version."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from falaj import contract
from falaj.contract import DIMENSION_MODEL, METRIC_NAMESPACE
from infra.constructs.gpu_alarms import (
    BALANCER,
    ERROR_EXCESS,
    FAILURE_SHARE,
    NEAR_TIMEOUT_SHARE,
    QUEUE_FLOOR_MS,
    QUEUE_MULTIPLE,
    GpuWatched,
)
from infra.dashboards.outcomes import (
    bad_share_entries,
    by_release,
    outcome_entries,
    share_entries,
)
from infra.dashboards.reading import RUNBOOK, head
from infra.dashboards.widgets import Alarms, Board, Entry, Graph, Line, Widget, expression, metric

_LAMBDA: Final = "AWS/Lambda"
_ECS: Final = "AWS/ECS"
"""By `ClusterName` and `ServiceName`, without Container Insights.

Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuShown:
    """What a GPU service's dashboard shows besides its metrics.

    Attributes:
        watched: The release, as its alarms watch it.
        alarms: Names of its alarms.
        cluster: Its cluster's name; a token.
        service: Its service's name; a token.
        breaker: Name of the function before it, a token; empty where there is none.
        docs_url: Where a copy of the documentation can be read; empty where none can.
    """

    watched: GpuWatched
    alarms: Sequence[str]
    cluster: str
    service: str
    breaker: str
    docs_url: str


def gpu_board(shown: GpuShown) -> Board:
    """Write the dashboard of one GPU service."""
    watched = shown.watched
    groups = {
        _fleet(fleet): group.attr_target_group_full_name for fleet, group in watched.groups.items()
    }
    breaker = {"Breaker": shown.breaker} if shown.breaker else {}
    return Board(
        name=contract.gpu_dashboard(watched.model),
        rows=[[_head(shown)], *_graphs(shown)],
        names={
            **groups,
            **breaker,
            "Balancer": watched.balancer,
            "Cluster": shown.cluster,
            "Service": shown.service,
        },
    )


def _head(shown: GpuShown) -> Widget:
    watched = shown.watched
    return head(
        f"{watched.model} {'on' if watched.has_gpu else 'without'} GPUs, release {watched.release}",
        ["ECS takes a release back by the alarms below; roles of the fleets change with each."],
        {"GPU endpoints": "reference/gpu.md", "what happens when …": RUNBOOK},
        shown.docs_url,
    )


def _graphs(shown: GpuShown) -> Iterator[list[Widget]]:
    watched = shown.watched
    model, release = watched.model, watched.release
    yield [
        Graph(
            title="Requests a minute, by release",
            entries=[by_release(contract.METRIC_REQUESTS, model)],
            is_stacked=True,
        ),
        Graph(title="Outcomes a minute", entries=outcome_entries(model), is_stacked=True),
        Graph(
            title=f"Share of requests that release {release[:8]} gets, %",
            entries=share_entries(model, release),
        ),
    ]
    yield [
        Graph(
            title="Share of bad answers, %: this release beside the others",
            entries=bad_share_entries(model, release),
            lines=[Line(value=ERROR_EXCESS * 100, says="errors, from this much above the others")],
        ),
        Graph(
            title="Time in the queue, ms, on average, by release",
            entries=[by_release(contract.METRIC_QUEUE_TIME, model, stat="Average")],
            stat="Average",
            lines=[
                Line(value=watched.queue_ms, says="what scaling aims at"),
                Line(value=max(QUEUE_FLOOR_MS, QUEUE_MULTIPLE * watched.queue_ms), says="queue"),
            ],
        ),
        Alarms(title="Alarms", names=shown.alarms),
    ]
    yield list(_fleets(watched))
    yield list(_capacity(shown))


def _fleets(watched: GpuWatched) -> Iterator[Widget]:
    """Show what the balancer sees, which alone sees a replica that crashed."""
    yield Graph(
        title="Latency at the balancer, s, by fleet",
        entries=[
            metric(BALANCER, "TargetResponseTime", _of(fleet), stat=stat, label=f"{fleet} {stat}")
            for fleet in watched.groups
            for stat in ("p50", "p90", "p99")
        ],
        lines=[Line(value=NEAR_TIMEOUT_SHARE * watched.timeout_s, says="latency, at p99")],
    )
    yield Graph(
        title="Requests that failed, % by fleet",
        entries=[entry for fleet in watched.groups for entry in _failed(fleet)],
        lines=[Line(value=FAILURE_SHARE * 100, says="failures, from this much above the others")],
    )
    yield Graph(
        title="Healthy replicas, by fleet",
        entries=[
            metric(BALANCER, "HealthyHostCount", _of(fleet), stat="Minimum", label=fleet)
            for fleet in watched.groups
        ],
        stat="Minimum",
    )


def _failed(fleet: str) -> Iterator[Entry]:
    of_fleet = _of(fleet)
    counted = {
        "failed": "HTTPCode_Target_5XX_Count",
        "refused": "TargetConnectionErrorCount",
        "asked": "RequestCount",
    }
    yield expression(
        f"100 * (FILL(failed{fleet}, 0) + FILL(refused{fleet}, 0)) / asked{fleet}", fleet
    )
    for id_, name in counted.items():
        yield metric(BALANCER, name, of_fleet, id=f"{id_}{fleet}", visible=False)


def _capacity(shown: GpuShown) -> Iterator[Widget]:
    of_model = {DIMENSION_MODEL: shown.watched.model}
    of_service = {"ClusterName": "${Cluster}", "ServiceName": "${Service}"}
    on_gpu = metric(METRIC_NAMESPACE, contract.METRIC_GPU_UTILISATION, of_model, label="GPU")
    has_gpu = shown.watched.has_gpu
    yield Graph(
        title="GPU, processor and memory in use, %"
        if has_gpu
        else "Processor and memory in use, %",
        entries=[
            *([on_gpu] if has_gpu else []),
            metric(_ECS, "CPUUtilization", of_service, label="processor"),
            metric(_ECS, "MemoryUtilization", of_service, label="memory"),
        ],
        stat="Average",
    )
    if not shown.breaker:
        return
    yield Graph(
        title="Requests at the breaker a minute, and those its CPU version answered",
        entries=[
            metric(METRIC_NAMESPACE, contract.METRIC_ASKED, of_model, label="asked"),
            metric(METRIC_NAMESPACE, contract.METRIC_FALLBACKS, of_model, label="fell back"),
        ],
    )
    yield Graph(
        title="The breaker's errors and throttles a minute",
        entries=[
            metric(_LAMBDA, name, {"FunctionName": "${Breaker}"}, label=name.lower())
            for name in ("Errors", "Throttles")
        ],
    )


def _of(fleet: str) -> Mapping[str, str]:
    return {"TargetGroup": f"${{{_fleet(fleet)}}}", "LoadBalancer": "${Balancer}"}


def _fleet(name: str) -> str:
    return name.capitalize()
