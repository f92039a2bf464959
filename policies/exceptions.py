"""What is let through although a rule finds it: reviewed, with an end, in one file."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Self

import yaml

from falaj.contract import DATA_CLASS_TAG, PROFILE_TAG
from falaj.errors import ConfigurationError
from policies.application import Stack
from policies.evaluation import Finding
from policies.vagueness import ANYTHING, FAMILIES, PROFILES, vague

FILE: Final = Path(__file__).with_name("exceptions.yaml")
LONGEST_DAYS: Final = 400
"""Days for which an exception may be granted: a year, and time to review it."""
HEALTH: Final = "health"
RESIDENCY: Final = "residency."
FALAJ: Final = "falaj"
CDK_NAG: Final = "cdk-nag"
CFN_LINT: Final = "cfn-lint"
_LINT: Final = re.compile(r"[EWI]\d{4}")
_FIELDS: Final = ("rule", "resource", "reason", "evidence", "approver", "expires")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One exception: this rule, on these resources, for this reason, until that day.

    Attributes:
        rule: Id of a rule of the pack, of cdk-nag (`…` stands for any text) or of cfn-lint.
        resource: `Stack/LogicalId`; `*` stands for a part of either name, never for the whole.
        reason: Why, in at least 20 characters.
        evidence: Where it can be checked: a document, a test, a page of AWS.
        approver: Who answers for it: a role or a person.
        expires: The first day on which it holds no longer.
        profiles: Profiles in which it is needed.
        optional: Whether its stacks are ones that only some catalogues have; it may then excuse
            nothing where there is no such stack.
    """

    rule: str
    resource: str
    reason: str
    evidence: str
    approver: str
    expires: date
    profiles: tuple[str, ...] = PROFILES
    optional: bool = False

    @classmethod
    def read(cls, number: int, entry: object) -> Self:
        """Read one entry of the file.

        Raises:
            ConfigurationError: Everything that is wrong with it.
        """
        if not isinstance(entry, dict):
            raise ConfigurationError([f"exception {number} is no mapping"])
        known = (*_FIELDS, "profiles", "optional")
        faults = [f"{field} is missing" for field in _FIELDS if not entry.get(field)]
        faults += [f"{field} is not known" for field in entry if field not in known]
        if not faults:
            faults = list(vague(entry))
        if faults:
            name = f"exception {number} ({entry.get('rule')} on {entry.get('resource')})"
            raise ConfigurationError([f"{name}: {fault}" for fault in faults])
        texts = {field: str(entry[field]).strip() for field in _FIELDS[:-1]}
        profiles = tuple(entry.get("profiles", PROFILES))
        return cls(
            **texts,
            expires=entry["expires"],
            profiles=profiles,
            optional=entry.get("optional") is True,
        )

    @property
    def tool(self) -> str:
        """Whose rule it is from: `falaj`, `cdk-nag` or `cfn-lint`."""
        if self.rule.partition(".")[0] in FAMILIES:
            return FALAJ
        return CFN_LINT if _LINT.fullmatch(self.rule) else CDK_NAG

    def covers(self, rule: str, resource: str) -> bool:
        """Whether a finding of a rule on a resource is what this is about."""
        parts = map(re.escape, self.rule.split(ANYTHING))
        is_rule = re.fullmatch(".*".join(parts), rule) is not None
        return is_rule and _matches(resource, self.resource)


def read_waivers(file: Path = FILE) -> tuple[Waiver, ...]:
    """Read the exceptions.

    Raises:
        ConfigurationError: Every fault of every entry at once.
    """
    waivers: list[Waiver] = []
    faults: list[str] = []
    entries = _entries(file)
    for number, entry in enumerate(entries, start=1):
        try:
            waivers.extend(Waiver.read(number, one) for one in _single(entry))
        except ConfigurationError as error:
            faults.extend(f"{file.name}: {fault}" for fault in error.faults)
    if faults:
        raise ConfigurationError(faults)
    return tuple(waivers)


def _entries(file: Path) -> list[object]:
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError([f"{file.name} cannot be read: {error}"]) from error
    if not isinstance(entries, list):
        raise ConfigurationError([f"{file.name} is no list of exceptions"])
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Findings after the exceptions were applied.

    Attributes:
        open: Findings that nothing excuses.
        excused: Findings with the exception that excuses each.
        faults: What is wrong with the exceptions themselves.
    """

    open: tuple[Finding, ...]
    excused: tuple[tuple[Finding, Waiver], ...]
    faults: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to mend."""
        return not self.open and not self.faults


def review(
    findings: Sequence[Finding],
    waivers: Iterable[Waiver],
    *,
    stacks: Sequence[Stack],
    today: date,
    must_be_used: bool = True,
    tool: str = FALAJ,
) -> Review:
    """Apply exceptions to findings.

    An exception counts if its profile is deployed, its day has not come, and, for residency, no
    stack holds health data: the law on health data knows no exception that we could grant.

    Args:
        findings: What the rules found.
        waivers: The exceptions.
        stacks: Where it was found; their tags tell profile and data class.
        today: The day of the review.
        must_be_used: Whether an exception that excuses nothing is a fault.
        tool: Whose findings they are; exceptions from others' rules are left alone.
    """
    profiles = {stack.tags.get(PROFILE_TAG, "") for stack in stacks}
    is_health = any(stack.tags.get(DATA_CLASS_TAG) == HEALTH for stack in stacks)
    applicable = [
        waiver for waiver in waivers if waiver.tool == tool and profiles & set(waiver.profiles)
    ]
    refusals = {id(w): _refusal(w, today, is_health=is_health) for w in applicable}
    faults = [fault for fault in refusals.values() if fault]
    standing = [waiver for waiver in applicable if refusals[id(waiver)] is None]
    excuses = ((finding, _excuse(finding, standing)) for finding in findings)
    excused = [(finding, waiver) for finding, waiver in excuses if waiver is not None]
    used = {id(waiver) for _, waiver in excused}
    if must_be_used:
        idle = (w for w in standing if id(w) not in used and not _is_about_absent(w, stacks))
        faults += [f"{_name(waiver)} excuses nothing; remove it" for waiver in idle]
    covered = {finding for finding, _ in excused}
    return Review(
        open=tuple(finding for finding in findings if finding not in covered),
        excused=tuple(excused),
        faults=tuple(faults),
    )


def _excuse(finding: Finding, waivers: Sequence[Waiver]) -> Waiver | None:
    covering = (waiver for waiver in waivers if waiver.covers(finding.rule, finding.resource))
    return next(covering, None)


def _refusal(waiver: Waiver, today: date, *, is_health: bool) -> str | None:
    if waiver.expires <= today:
        return (
            f"{_name(waiver)} expired on {waiver.expires}; mend the cause or have it approved anew"
        )
    if (waiver.expires - today).days > LONGEST_DAYS:
        return f"{_name(waiver)} is granted until {waiver.expires}; at most {LONGEST_DAYS} days"
    if is_health and waiver.rule.startswith(RESIDENCY):
        return f"{_name(waiver)} is refused: health data knows no exception from residency"
    return None


def _is_about_absent(waiver: Waiver, stacks: Sequence[Stack]) -> bool:
    pattern = waiver.resource.partition("/")[0]
    return waiver.optional and not any(_matches(stack.name, pattern) for stack in stacks)


def _matches(name: str, pattern: str) -> bool:
    """Whether a name fits; a star stands for a part of one name, and ends where it ends."""
    return re.fullmatch("[^/]*".join(map(re.escape, pattern.split("*"))), name) is not None


def _name(waiver: Waiver) -> str:
    return f"the exception from {waiver.rule} on {waiver.resource}"


def _single(entry: object) -> Iterable[object]:
    """Write an entry for several resources as one for each."""
    if not isinstance(entry, dict) or not isinstance(entry.get("resource"), list):
        return [entry]
    return [entry | {"resource": name} for name in entry["resource"]]
