"""The dashboard of a model on Lambda: the candidate beside stable, in what alarms and guard see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from falaj import contract
from falaj.contract import DIMENSION_MODEL, DIMENSION_RELEASE, LIVE_ALIAS, METRIC_NAMESPACE
from falaj.domain.plan import PlanKind
from infra.constructs.evidence_expression import TOLERATED_RATE
from infra.constructs.release_alarms import LAMBDA, NEAR_TIMEOUT_SHARE, TOTAL_FAILURE_EXCESS
from infra.constructs.watched_release import Watched
from infra.dashboards.outcomes import (
    bad_share_entries,
    by_release,
    outcome_entries,
    share_entries,
)
from infra.dashboards.reading import ALARMS, FIRST_COMMANDS, RUNBOOK, head
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

FUNCTION: Final = "${Function}"
VERSION: Final = "${Version}"
_OF_ALIAS: Final = {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:{LIVE_ALIAS}"}
_EXECUTED: Final = (LAMBDA, "FunctionName", "Resource", "ExecutedVersion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a model's dashboard shows besides its metrics.

    Attributes:
        watched: The release, as its alarms watch it.
        alarms: Names of the model's alarms.
        watches_drift: Whether what it is asked and answers is compared with its reference.
        sheds: Whether tenants of the last priorities are made to wait where there is no room.
        docs_url: Where a copy of the documentation can be read; empty where none can.
    """

    watched: Watched
    alarms: Sequence[str]
    watches_drift: bool
    sheds: bool
    docs_url: str


def model_board(shown: Shown) -> Board:
    """Write the dashboard of one model."""
    watched = shown.watched
    return Board(
        name=contract.model_dashboard(watched.model),
        rows=[[_head(shown)], *_graphs(shown)],
        names={"Function": watched.function_name, "Version": watched.version},
    )


def _head(shown: Shown) -> Widget:
    model = shown.watched.model
    kinds = [
        name.removeprefix(contract.ALARM_PREFIX).removeprefix(f"{model}-") for name in shown.alarms
    ]
    known = [kind.rpartition("-")[0] for kind in kinds if not kind.startswith("capacity")]
    return head(
        f"{model}, release {VERSION}",
        [
            FIRST_COMMANDS.format(model=model),
            f"This stack published version {VERSION}; others serve until `live` has moved to it.",
        ],
        {"what happens when …": RUNBOOK, **{kind: f"{ALARMS}#{kind}" for kind in known}},
        shown.docs_url,
    )


def _graphs(shown: Shown) -> Iterator[list[Widget]]:
    watched = shown.watched
    yield [
        Graph(
            title="Requests a minute, by version",
            entries=[by_release(contract.METRIC_REQUESTS, watched.model)],
            is_stacked=True,
        ),
        Graph(title="Outcomes a minute", entries=outcome_entries(watched.model), is_stacked=True),
        Graph(
            title=f"Share of requests that version {VERSION} gets, %",
            entries=share_entries(watched.model, VERSION),
        ),
    ]
    yield [
        Graph(
            title="Share of bad answers, %: candidate beside the others",
            entries=bad_share_entries(watched.model, VERSION),
            lines=[
                Line(
                    value=TOTAL_FAILURE_EXCESS * 100,
                    says="total-failure, from this much above the others",
                ),
                Line(value=TOLERATED_RATE * 100, says="tolerated of a version alone"),
            ],
        ),
        Graph(
            title="The guard's evidence of harm, log₁₀",
            entries=[
                metric(
                    METRIC_NAMESPACE,
                    contract.METRIC_LOG_EVIDENCE,
                    {DIMENSION_MODEL: watched.model, DIMENSION_RELEASE: VERSION},
                    label=f"version {VERSION}",
                )
            ],
            stat="Maximum",
            lines=[Line(value=0, says="evidence: rolls back")],
        ),
        Alarms(title="Alarms", names=shown.alarms),
    ]
    yield list(_durations(watched))
    yield [*_starts(shown)]
    if shown.watches_drift:
        yield list(_drift(watched.model))
    if watched.plan.plan is PlanKind.SHADOW:
        yield list(_copies(watched.model))


def _durations(watched: Watched) -> Iterator[Widget]:
    yield Graph(
        title="Latency of warm inferences, ms, by version",
        entries=[
            by_release(contract.METRIC_LATENCY, watched.model, stat=stat)
            for stat in ("p50", "p90", "p99")
        ],
    )
    yield Graph(
        title="Lambda's Duration, ms, by executed version",
        entries=[_executed("Duration", stat) for stat in ("p50", "p90", "p99", "Maximum")],
        lines=[
            Line(value=NEAR_TIMEOUT_SHARE * watched.timeout_s * 1000, says="near-timeout"),
        ],
    )
    yield Graph(
        title="The model's own time (session.run), ms, by version",
        entries=[
            by_release(contract.METRIC_INFERENCE_LATENCY, watched.model, stat=stat)
            for stat in ("p50", "p99")
        ],
    )


def _starts(shown: Shown) -> Iterator[Widget]:
    of_model = {DIMENSION_MODEL: shown.watched.model}
    yield Graph(
        title="Cold starts a minute, and starts refused",
        entries=[
            by_release(contract.METRIC_COLD_STARTS, shown.watched.model),
            metric(METRIC_NAMESPACE, contract.METRIC_REFUSED_STARTS, of_model, label="refused"),
        ],
    )
    yield Graph(
        title="Throttles a minute, and environments at work",
        entries=[
            metric(LAMBDA, "Throttles", _OF_ALIAS, label="throttled"),
            metric(
                LAMBDA,
                "ConcurrentExecutions",
                {"FunctionName": FUNCTION},
                stat="Maximum",
                label="environments at work",
            ),
            *(
                [
                    metric(
                        METRIC_NAMESPACE,
                        contract.METRIC_SHED,
                        of_model,
                        stat="Maximum",
                        label="priorities that wait",
                    )
                ]
                if shown.sheds
                else []
            ),
        ],
        lines=[Line(value=1, says="throttles: the rollout pauses")],
    )
    yield Graph(
        title="Errors that Lambda counts (crashes, timeouts), by executed version",
        entries=[_executed("Errors", "Sum")],
        is_stacked=True,
    )


def _drift(model: str) -> Iterator[Widget]:
    of_model = {DIMENSION_MODEL: model}
    yield Graph(
        title="Features that have drifted from the reference",
        entries=[metric(METRIC_NAMESPACE, contract.METRIC_DRIFTED_FEATURES, of_model)],
        stat="Maximum",
        lines=[Line(value=1, says="drift: people are told")],
    )
    yield Graph(
        title="Stability index (PSI) of the feature that drifted most",
        entries=[metric(METRIC_NAMESPACE, contract.METRIC_DRIFT_PSI, of_model)],
        stat="Maximum",
    )


def _copies(model: str) -> Iterator[Widget]:
    yield Graph(
        title="Copies that the shadow answered, a minute",
        entries=[
            by_release(name, model, what=what)
            for name, what in (
                (contract.METRIC_SHADOW_MATCH, "agree"),
                (contract.METRIC_SHADOW_MISMATCH, "differ"),
                (contract.METRIC_SHADOW_BAD, "bad"),
                (contract.METRIC_SHADOW_SKIPPED, "not copied"),
            )
        ],
    )
    yield Graph(
        title="Latency of warm copies, ms",
        entries=[
            by_release(contract.METRIC_SHADOW_LATENCY, model, stat=stat) for stat in ("p50", "p99")
        ],
    )


def _executed(name: str, stat: str) -> Entry:
    terms = f'MetricName="{name}" Resource="{FUNCTION}:{LIVE_ALIAS}"'
    label = f"{told_by('ExecutedVersion')} {stat}".removesuffix(" Sum")
    return search(_EXECUTED, terms, stat=stat, label=label)
