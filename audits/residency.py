"""The evidence pack: what was looked at, by which rules, with what result."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from audits.request_records import RequestRecord, request_records
from falaj.contract import PROFILE_TAG, REGION
from falaj.domain.clock import Clock, SystemClock
from policies.application import Stack
from policies.assembly import read_stacks, template_hashes
from policies.controls import CONTROLS, Control
from policies.evaluation import Evaluation, evaluate
from policies.exceptions import FALAJ, FILE, Review, Waiver, read_waivers, review
from policies.registry import RULES
from policies.rule import Rule

TOOLS: Final = ("falaj", "aws-cdk-lib", "cdk-nag", "cfn-lint", "constructs", "jsii", "PyYAML")
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """What is known about one control of a law or standard.

    Attributes:
        control: The control.
        rules: Ids of the rules that check it.
        resources: How many resources those rules looked at.
        open: How many findings stand open.
        excused: How many findings an exception answers for.
    """

    control: Control
    rules: tuple[str, ...]
    resources: int
    open: int
    excused: int

    @property
    def verdict(self) -> str:
        """`no check`, `failed`, `passed with exceptions`, `nothing to check` or `passed`."""
        if not self.rules:
            return "no check"
        if self.open:
            return "failed"
        if self.excused:
            return "passed with exceptions"
        return "passed" if self.resources else "nothing to check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything an auditor is handed.

    Attributes:
        made: When.
        profiles: Profiles found in the stacks' tags.
        stacks: Every stack: its region, account and tags.
        rules: Every rule that ran.
        controls: Every control with its result.
        evaluation: Every resource looked at, and every finding.
        review: The findings after exceptions.
        waivers: Every exception that applies.
        others: Exceptions from cdk-nag and cfn-lint, which `make check` runs on the same stacks.
        templates: SHA-256 of every template.
        tools: Versions of what made and checked the templates.
        records: Where it is written down who asked for what, and for how long that is kept.
    """

    made: datetime
    profiles: tuple[str, ...]
    stacks: tuple[Stack, ...]
    rules: tuple[Rule, ...]
    controls: tuple[ControlResult, ...]
    evaluation: Evaluation
    review: Review
    waivers: tuple[Waiver, ...]
    others: tuple[Waiver, ...]
    templates: Mapping[str, str]
    tools: Mapping[str, str]
    records: tuple[RequestRecord, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything that keeps the audit from passing, a sentence each."""
        unchecked = (
            f"control {result.control.id} ({result.control.demand}) has no check"
            for result in self.controls
            if not result.rules
        )
        return (*map(str, self.review.open), *self.review.faults, *unchecked)

    def document(self) -> dict[str, Any]:
        """Write it as one JSON document."""
        return {
            "ok": not self.faults,
            "region": REGION,
            "made": self.made.isoformat(timespec="seconds"),
            "profiles": list(self.profiles),
            "faults": list(self.faults),
            "controls": [
                {**asdict(result.control), "rules": list(result.rules), "verdict": result.verdict,
                 "resources": result.resources, "open": result.open, "excused": result.excused}
                for result in self.controls
            ],
            "rules": [
                {"id": rule.id, "title": rule.title, "reason": rule.reason,
                 "source": rule.source, "controls": list(rule.controls)}
                for rule in self.rules
            ],
            "findings": [asdict(finding) for finding in self.review.open],
            "excused": [
                {**asdict(finding), "by": _waiver(waiver)}
                for finding, waiver in self.review.excused
            ],
            "exceptions": [_waiver(waiver) for waiver in self.waivers],
            "exceptions_from_other_tools": [_waiver(waiver) for waiver in self.others],
            "stacks": [
                {"name": stack.name, "region": stack.region, "account": stack.account,
                 "tags": dict(stack.tags)}
                for stack in self.stacks
            ],
            "resources": [asdict(looked) for looked in self.evaluation.looked],
            "records": [asdict(record) for record in self.records],
            "templates": dict(self.templates),
            "tools": dict(self.tools),
        }  # fmt: skip


def gather(
    cdk_out: Path,
    *,
    clock: Clock = _CLOCK,
    waivers: Path = FILE,
    rules: Sequence[Rule] = RULES,
    controls: Sequence[Control] = CONTROLS,
) -> Evidence:
    """Look at every template of an assembly and return the evidence.

    Args:
        cdk_out: The assembly, built for Lambda.
        clock: By which exceptions are judged.
        waivers: The file of exceptions.
        rules: What is checked.
        controls: What is claimed.

    Raises:
        ConfigurationError: There is no assembly, or the file of exceptions is faulty.
    """
    stacks, made = read_stacks(cdk_out), clock.now()
    evaluation, excuses = evaluate(stacks, rules), read_waivers(waivers)
    result = review(evaluation.findings, excuses, stacks=stacks, today=made.date())
    profiles = sorted({stack.tags[PROFILE_TAG] for stack in stacks if PROFILE_TAG in stack.tags})
    applicable = [waiver for waiver in excuses if set(profiles) & set(waiver.profiles)]
    return Evidence(
        made=made,
        profiles=tuple(profiles),
        stacks=stacks,
        rules=tuple(rules),
        controls=tuple(_result(control, rules, evaluation, result) for control in controls),
        evaluation=evaluation,
        review=result,
        waivers=tuple(w for w in applicable if w.tool == FALAJ),
        others=tuple(w for w in applicable if w.tool != FALAJ),
        templates=template_hashes(cdk_out),
        tools={"python": platform.python_version(), **_versions()},
        records=request_records(stacks),
    )


def _result(
    control: Control, rules: Sequence[Rule], evaluation: Evaluation, result: Review
) -> ControlResult:
    serving = {rule.id for rule in rules if control.id in rule.controls}
    return ControlResult(
        control=control,
        rules=tuple(rule.id for rule in rules if rule.id in serving),
        resources=sum(1 for looked in evaluation.looked if serving & set(looked.rules)),
        open=sum(1 for finding in result.open if finding.rule in serving),
        excused=sum(1 for finding, _ in result.excused if finding.rule in serving),
    )


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return asdict(waiver) | {"expires": waiver.expires.isoformat(), "tool": waiver.tool}


def _versions() -> dict[str, str]:
    found = {}
    for tool in TOOLS:
        try:
            found[tool] = version(tool)
        except PackageNotFoundError:
            found[tool] = "not installed here"
    return found
