"""A request can be followed."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at

_PLACES: Final = ("TracingConfig.Mode", "TracingConfiguration.Enabled")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not any(at(resource.properties, key) in {"Active", True} for key in _PLACES):
        yield "it is not traced"


RULE = Rule(
    id="audit.tracing",
    title="Functions and state machines are traced",
    reason="When an answer is wrong or late, the trace says where. A REST stage's own trace would "
    "hold addresses as callers wrote them, which may name a person.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    controls=("ISO-8.16", "IAR-T3"),
    types=("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"),
    check=_check,
)
