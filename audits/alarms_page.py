"""Writes docs/reference/alarms.md: `python -m audits.alarms_page CDK_OUT`.

Every alarm as it stands in the templates, what was seen to fire it, and what on-call does. The
assembly is one of a model with default settings; the same alarms of other models differ in their
thresholds by plan and timeout.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from audits.alarms import KINDS, examine
from audits.findings import Proof
from audits.template_values import Resource, read_resources
from falaj.contract import METRIC_REFUSED_STARTS
from falaj.domain.alarm_text import read_alarm_text

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "alarms.md"

ON_CALL: Final[Mapping[str, str]] = {
    "evidence": "Nothing at once: the share is back on stable. Read `falaj rollout history MODEL` "
    "for the objective and the counts, and mend the candidate.",
    "evidence-fallback": "As for `evidence`. If `evidence` stayed green, look whether the "
    "controller lives: this alarm needs none.",
    "total-failure": "Nothing at once. Look at the candidate's log for its first error; "
    "total failure is most often a missing file, a wrong setting or memory.",
    "errors": "Nothing at once. The process died or timed out and could not report; look for "
    "`Runtime exited`, `Task timed out` and memory in the candidate's log.",
    "near-timeout": "Nothing at once. Compare the candidate's `InferenceLatency` with stable's; "
    "raise `timeout_s` or `memory_mib` only if its work has really grown.",
    "throttles": "Requests are refused, whichever version. Raise `reserved_concurrency` or the "
    "account's quota, then `falaj rollout resume MODEL --reason …`.",
    "heartbeat": "Look at the controller's log and its dead letters. Traffic stays where it is, "
    "nothing is promoted, and alarms wake nobody but you: watch live rollouts by hand.",
    "dead letters": "Read the message: it holds the event and the error. The next tick has looked "
    "again already; purge the queue when the cause is mended.",
    "refused starts": "Traffic stays where it is: a candidate that does not start gets no share. "
    "Search the model's log for `refused to start`; the line names the file and the fault. A byte, "
    "manifest or signature that is not what was published is an incident until shown to be a slip: "
    "keep the version, publish anew from a clean build, and look who wrote the artefact.",
}
"""What a person does, by kind; a kind without its line fails the test."""

_COMPARISON: Final = """
`evidence-fallback`, `total-failure`, `errors` and `near-timeout` compare with stable by themselves.
Each needs several windows, together no longer than the bake: one may hold a change of share.
Together they have a twentieth of the plan's `false_rollback`, the guard has the rest.
Why: [decision 15](../decisions/0015-guard-and-alarms-share-one-alpha.md).

Under `plan: all_at_once` there is no stable to compare with.
There `evidence` weighs `cb` and `cr` alone against a rate of 2 %, in the alarms and in the guard.
An outage of something shared is then blamed on the candidate.
After a promotion `total-failure` alone goes on within `rollback_window`, in that way."""
"""How to read the expressions."""

_FOR_PEOPLE: Final[Mapping[str, str]] = {
    "ApproximateNumberOfMessagesVisible": "dead letters",
    METRIC_REFUSED_STARTS: "refused starts",
}
"""Alarms that the controller does not read, by metric."""


def page(cdk_out: Path) -> str:
    """Return the page for an assembly's first model.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
        KeyError: An alarm has no line in `ON_CALL`.
    """
    resources = read_resources(cdk_out, KINDS, lambda *_: None)
    proofs = {proof.alarm: proof for proof in examine(cdk_out).proofs}
    alarms = [r for r in resources if r.kind == "AWS::CloudWatch::Alarm"]
    models = sorted({r.stack for r in alarms if r.stack.startswith("FalajModel-")})
    told = (*models[:1], "FalajRollouts")
    shown = [r for stack in told for r in alarms if r.stack == stack]
    return "\n".join(
        [
            "# Alarms",
            "",
            "Written by `python -m audits.alarms_page`; a test compares it with the templates.",
            "Definitions are those of a model with default settings.",
            "What fires an alarm, and when, was seen by planting harm (`falaj audit alarms`).",
            "The harm was done at 10 requests a second and the first share of the plan.",
            "Every change of state reaches the rollout controller through EventBridge.",
            "A description names its version, so a late alarm never touches a newer release.",
            _COMPARISON,
            *(line for resource in shown for line in _section(resource, proofs)),
            "",
        ]
    )


def _section(resource: Resource, proofs: Mapping[str, Proof]) -> Iterator[str]:
    properties, proof = resource.properties, proofs[resource.ref]
    text = read_alarm_text(properties["AlarmDescription"])
    kind = text.kind if text else _FOR_PEOPLE[properties["MetricName"]]
    says = text.says if text else properties["AlarmDescription"]
    yield from ("", f"## {kind}", "", f"{says[0].upper()}{says[1:]}.", "")
    yield "| | |"
    yield "|---|---|"
    yield f"| watches | {_watched(properties)} |"
    yield f"| red when | {_condition(properties)} |"
    fires = "; ".join(f"{firing.harm} ({firing.after_s} s)" for firing in proof.fires)
    yield f"| fires on | {fires} |"
    yield f"| then | {proof.then} |"
    yield f"| on-call | {ON_CALL[kind]} |"


def _watched(properties: Mapping[str, Any]) -> str:
    if "Metrics" not in properties:
        return _metric(properties, properties["Statistic"], properties["Period"])
    parts = [
        f"`{query['Id']}` = {_query(query)}"
        for query in properties["Metrics"]
        if "Expression" in query or "MetricStat" in query
    ]
    return "<br>".join(parts)


def _query(query: Mapping[str, Any]) -> str:
    if "Expression" in query:
        return f"`{query['Expression']}`"
    stat = query["MetricStat"]
    return _metric(stat["Metric"], stat["Stat"], stat["Period"])


def _metric(metric: Mapping[str, Any], stat: str, period_s: int) -> str:
    names = [dimension["Name"] for dimension in metric.get("Dimensions", ())]
    by = f" by {', '.join(names)}" if names else ""
    return f"{metric['Namespace']} {metric['MetricName']} {stat}{by}, {period_s} s"


def _condition(properties: Mapping[str, Any]) -> str:
    comparison = "≥" if "GreaterThanOrEqual" in properties["ComparisonOperator"] else "<"
    datapoints = f"{properties['DatapointsToAlarm']} of {properties['EvaluationPeriods']}"
    missing = properties["TreatMissingData"]
    return f"{comparison} {properties['Threshold']:g}, {datapoints}; missing data: {missing}"


def main(arguments: Sequence[str]) -> None:
    """Write the page for the assembly that is named."""
    PAGE.write_text(page(Path(arguments[0])), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
