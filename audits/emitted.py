"""Every metric that somebody emits: our own by the very code that writes them, AWS's by its pages.

Each emitter is made to write one of each of its lines; what CloudWatch would read in them is the
list. A name that is in no line is emitted by nobody, whatever a document says.

Source of AWS's, read 2026-11-22:
    docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and
    monitoring-metrics-view.html; …/AWSSimpleQueueService/latest/SQSDeveloperGuide/
    sqs-available-cloudwatch-metrics.html; …/apigateway/latest/developerguide/http-api-metrics.html
    and api-gateway-metrics-and-dimensions.html; …/elasticloadbalancing/latest/application/
    load-balancer-cloudwatch-metrics.html; …/AmazonECS/latest/developerguide/available-metrics.html.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from falaj.aws.controller_metrics import ControllerMetrics
from falaj.config.breaker import BreakerSettings
from falaj.container.gpu_meter import utilisation_line
from falaj.container.ledger import Ledger
from falaj.entrypoints.breaker import Breaker
from falaj.entrypoints.breaker_events import Answered
from falaj.entrypoints.experiment_recorder import unassigned_line
from falaj.errors import UntrustedArtefactError
from falaj.telemetry.drift import drift_line
from falaj.telemetry.emf import OutcomeLog
from falaj.telemetry.outcome import Ending, Outcome
from falaj.telemetry.refusal import refusal_line
from falaj.telemetry.shadow import shadow_line, skipped_line
from falaj.telemetry.unplanned import unplanned_line

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MODEL, _RELEASE = "any", "1"
_EVENT: Final = {
    "headers": {},
    "rawPath": f"/v2/models/{_MODEL}/infer",
    "requestContext": {"http": {"method": "POST"}, "requestId": "r"},
    "body": "{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """A metric under one set of dimensions.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        dimensions: Names of exactly those it is published with.
        unit: As CloudWatch calls it.
        by: Who emits it.
    """

    namespace: str
    name: str
    dimensions: frozenset[str]
    unit: str
    by: str


@cache
def emitted() -> tuple[Emitted, ...]:
    """Return every metric, ours first."""
    return (*_ours(), *_of_aws())


def _ours() -> Iterator[Emitted]:
    for by, lines in _SOURCES.items():
        yield from dict.fromkeys(each for line in lines() for each in _read(line, by))


def _read(line: str, by: str) -> Iterator[Emitted]:
    for directive in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", ()):
        for dimensions in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                yield Emitted(
                    namespace=directive["Namespace"],
                    name=metric["Name"],
                    dimensions=frozenset(dimensions),
                    unit=metric["Unit"],
                    by=by,
                )


def _of_functions() -> list[str]:
    log = OutcomeLog(model=_MODEL, release=_RELEASE, level="INFO")
    outcome = Outcome(ending=Ending.OK, operation="infer", model=_MODEL)
    return [log.line(outcome, at=AT, latency_ns=1, is_cold=False, keys={})]


def _of_refused_starts() -> list[str]:
    error = UntrustedArtefactError(artefact="manifest.json", reason="it is not signed")
    return [refusal_line(error, model=_MODEL, release=_RELEASE, at=AT)]


def _of_shadows() -> list[str]:
    outcome = Outcome(ending=Ending.OK, operation="infer", model=_MODEL)
    compared: dict[str, Any] = {"model": _MODEL, "release": _RELEASE, "at": AT, "keys": {}}
    return [
        shadow_line(outcome, latency_ns=1, is_cold=False, difference="", **compared),
        skipped_line(reason="too large", **compared),
    ]


def _of_containers() -> list[str]:
    lines: list[str] = []
    Ledger(_RELEASE, lines.append, models=(_MODEL,)).flush(AT)
    return [*lines, utilisation_line(_MODEL, 50, AT)]


def _of_shedding() -> list[str]:
    lines: list[str] = []
    ledger = Ledger(_RELEASE, lines.append)
    ledger.shed(_MODEL, 5)
    ledger.flush(AT)
    return lines


def breaker_lines(headers: Mapping[str, str]) -> list[str]:
    """Return what a breaker writes of one request with some headers."""
    lines: list[str] = []
    breaker = Breaker(
        BreakerSettings(model=_MODEL, endpoint="http://service"),
        ask=lambda _, *, within_s: Answered(200, {"x-waited": str(within_s)}, b""),
        write=lines.append,
    )
    breaker(_EVENT | {"headers": dict(headers)})
    return lines


def _of_authorizers() -> list[str]:
    return [unplanned_line("somebody", at=AT)]


def _of_drift() -> list[str]:
    return [drift_line(_MODEL, drifted=0, psi=0.0, at=AT)]


def _of_experiments() -> list[str]:
    return [unassigned_line(_MODEL, "no_subject", 1, at=AT)]


class _Told:
    """Takes what the controller puts, as the log lines that would say the same."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def put_metric_data(self, *, Namespace: str, MetricData: Iterable[dict[str, Any]]) -> None:  # noqa: N803
        """Take metrics, by boto3's names."""
        for datum in MetricData:
            names = [dimension["Name"] for dimension in datum.get("Dimensions", ())]
            metric = {"Name": datum["MetricName"], "Unit": datum.get("Unit", "None")}
            said = {"Namespace": Namespace, "Dimensions": [names], "Metrics": [metric]}
            self.lines.append(json.dumps({"_aws": {"CloudWatchMetrics": [said]}}))


def _of_controller() -> list[str]:
    told = _Told()
    metrics = ControllerMetrics(told)
    metrics.publish_evidence(model=_MODEL, release=_RELEASE, log_evidence=0.0, now=AT)
    metrics.beat(AT)
    return told.lines


_SOURCES: Final[dict[str, Callable[[], list[str]]]] = {
    "functions, with each request": _of_functions,
    "functions that do not start": _of_refused_starts,
    "functions of a shadow, with each copy": _of_shadows,
    "containers, every ten seconds": _of_containers,
    "containers without room; of functions, the load shedder": _of_shedding,
    "breakers before GPU services, with each request": lambda: breaker_lines({}),
    "the authorizer of a REST API": _of_authorizers,
    "the recorder of experiments": _of_experiments,
    "the drift watch, every five minutes": _of_drift,
    "the rollout controller, each minute or look": _of_controller,
}

_BY_ALIAS: Final = ("FunctionName", "Resource")
_BY_VERSION: Final = (*_BY_ALIAS, "ExecutedVersion")
_BY_GROUP: Final = ("TargetGroup", "LoadBalancer")
_COUNT, _MS = "Count", "Milliseconds"
_AWS: Final[dict[str, tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]]] = {
    "AWS/Lambda": (
        *(
            (name, unit, (("FunctionName",), _BY_ALIAS, _BY_VERSION))
            for name, unit in (
                ("Invocations", _COUNT),
                ("Errors", _COUNT),
                ("Throttles", _COUNT),
                ("Duration", _MS),
            )
        ),
        ("ConcurrentExecutions", _COUNT, (("FunctionName",), _BY_ALIAS)),
    ),
    "AWS/SQS": (("ApproximateNumberOfMessagesVisible", _COUNT, (("QueueName",),)),),
    "AWS/ApiGateway": (
        *((name, _COUNT, (("ApiId",), ("ApiId", "Stage"))) for name in ("4xx", "5xx")),
        *(
            (name, _COUNT, (("ApiName",), ("ApiName", "Stage")))
            for name in ("4XXError", "5XXError")
        ),
        *(
            (name, unit, (("ApiId",), ("ApiId", "Stage"), ("ApiName",), ("ApiName", "Stage")))
            for name, unit in (("Count", _COUNT), ("Latency", _MS), ("IntegrationLatency", _MS))
        ),
    ),
    "AWS/ApplicationELB": (
        ("RequestCount", _COUNT, (_BY_GROUP,)),
        ("HTTPCode_Target_5XX_Count", _COUNT, (_BY_GROUP,)),
        ("TargetConnectionErrorCount", _COUNT, (_BY_GROUP,)),
        ("TargetResponseTime", "Seconds", (_BY_GROUP,)),
        ("HealthyHostCount", _COUNT, (_BY_GROUP,)),
    ),
    "AWS/ECS": (
        ("CPUUtilization", "Percent", (("ClusterName", "ServiceName"),)),
        ("MemoryUtilization", "Percent", (("ClusterName", "ServiceName"),)),
    ),
}
"""Of what AWS emits, what stacks may draw."""


def _of_aws() -> Iterator[Emitted]:
    for namespace, metrics in _AWS.items():
        for name, unit, sets in metrics:
            for dimensions in sets:
                yield Emitted(
                    namespace=namespace,
                    name=name,
                    dimensions=frozenset(dimensions),
                    unit=unit,
                    by="AWS",
                )
