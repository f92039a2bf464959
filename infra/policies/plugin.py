"""The rules of `policies`, run by the CDK on the templates that it has just written."""

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Final

import jsii
from aws_cdk import (
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    PolicyValidationPluginReport,
    PolicyViolatingResource,
    PolicyViolation,
)

from policies.assembly import read_stacks
from policies.evaluation import Finding, evaluate
from policies.exceptions import FILE, read_waivers, review
from policies.registry import RULES

_RULES: Final = {rule.id: rule for rule in RULES}


@jsii.implements(IPolicyValidationPlugin)
class PolicyPack:
    """Refuses an assembly that breaks a rule without a standing exception.

    Whether an exception is still needed is not asked here, since one profile, or a few of the
    models, say nothing about the rest; `falaj audit residency` and the tests ask.

    Attributes:
        faults: What was refused, a sentence each; known once the application was synthesized.
    """

    def __init__(self, outdir: Path, *, today: date, waivers: Path = FILE) -> None:
        """Make the plugin.

        Args:
            outdir: Where the application is synthesized to.
            today: The day by which exceptions are judged.
            waivers: The file of exceptions.
        """
        self.faults: tuple[str, ...] = ()
        self._outdir, self._today, self._waivers = outdir, today, waivers

    @property
    def name(self) -> str:
        """How the CDK's report calls it."""
        return "Falaj"

    @property
    def rule_ids(self) -> list[str]:
        """Every rule that is run."""
        return [rule.id for rule in RULES]

    @property
    def version(self) -> str:
        """The version of the plugin's report."""
        return "1.0.0"

    def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
        """Look at every template of the assembly."""
        del context  # names the templates only; place, tags and assets stand in the manifests
        stacks = read_stacks(self._outdir)
        result = review(
            evaluate(stacks).findings,
            read_waivers(self._waivers),
            stacks=stacks,
            today=self._today,
            must_be_used=False,
        )
        self.faults = (*map(str, result.open), *result.faults)
        return PolicyValidationPluginReport(
            success=result.is_clean, violations=_violations(result.open, self._outdir)
        )


def _violations(findings: tuple[Finding, ...], outdir: Path) -> list[PolicyViolation]:
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_rule[finding.rule].append(finding)
    return [
        PolicyViolation(
            rule_name=rule,
            description=f"{_RULES[rule].title}. {_RULES[rule].reason}",
            fix=_RULES[rule].source,
            severity="error",
            violating_resources=[_place(found, outdir) for found in found_here],
        )
        for rule, found_here in by_rule.items()
    ]


def _place(found: Finding, outdir: Path) -> PolicyViolatingResource:
    stack, _, logical_id = found.resource.partition("/")
    return PolicyViolatingResource(
        locations=[found.sentence],
        resource_logical_id=logical_id or None,
        construct_path=None if logical_id else stack,
        template_path=str(outdir / f"{stack}.template.json"),
    )
