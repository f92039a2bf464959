"""Every rule on every resource: what was looked at and what was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from policies.application import Stack
from policies.registry import RULES
from policies.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of one resource.

    Attributes:
        rule: Id of the rule that it breaks.
        resource: `FalajApi/PlatformRole`; the stack's name alone if the stack itself is at fault.
        type: The resource's type.
        sentence: What is wrong, with the value found and what to do.
    """

    rule: str
    resource: str
    type: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.resource}: {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A resource and the rules that looked at it."""

    resource: str
    type: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What the rules saw in an application.

    Attributes:
        findings: Every fault, in order.
        looked: Every resource.
    """

    findings: tuple[Finding, ...]
    looked: tuple[Looked, ...]


def evaluate(stacks: Iterable[Stack], rules: Sequence[Rule] = RULES) -> Evaluation:
    """Return what the rules find in these stacks."""
    findings: dict[Finding, None] = {}
    looked: dict[str, Looked] = {}
    for view in (view for stack in stacks for view in stack.views()):
        for resource in view.resources:
            name = resource.name.rstrip("/")
            concerned = _concerned(resource.type, tuple(rules))
            looked[name] = Looked(
                resource=name, type=resource.type, rules=tuple(rule.id for rule in concerned)
            )
            for rule in concerned:
                for sentence in rule.check(resource, view):
                    found = Finding(
                        rule=rule.id, resource=name, type=resource.type, sentence=sentence
                    )
                    findings[found] = None
    return Evaluation(findings=tuple(findings), looked=tuple(looked.values()))


@cache
def _concerned(type_: str, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.looks_at(type_))
