"""Templates as rules see them."""

from pathlib import Path
from typing import Any

import yaml

from policies.application import Stack
from policies.rule import Rule

POLICIES = Path(__file__).parents[2] / "policies"


def stack_of(template: dict[str, Any], name: str = "S") -> Stack:
    """Make a stack of a template; `Region`, `Assets`, `Tags` and `IsProtected` speak of itself."""
    body = dict(template)
    return Stack(
        name=name,
        region=body.pop("Region", "me-central-1"),
        assets=tuple(body.pop("Assets", ())),
        tags=body.pop("Tags", {}),
        is_protected=body.pop("IsProtected", False),
        template=body,
    )


def resources(**bodies: dict[str, Any]) -> Stack:
    """Make a stack of resources: `Id={"Type": …, "Properties": …}`."""
    return stack_of({"Resources": bodies})


def resource(type_: str, **properties: Any) -> Stack:
    """Make a stack of one resource, named It."""
    return resources(It={"Type": type_, "Properties": properties})


def example_file(rule: Rule) -> Path:
    """Return the file of a rule's two templates, beside the rule."""
    return POLICIES / (rule.id.replace(".", "/").replace("-", "_") + ".yaml")


def example(rule: Rule, kind: str) -> Stack:
    """Return a rule's `compliant` or `violating` template."""
    return stack_of(yaml.safe_load(example_file(rule).read_text(encoding="utf-8"))[kind])
