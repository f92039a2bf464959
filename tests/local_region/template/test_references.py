"""Promise: what a resource needs exists before it."""

import pytest

from local_region.template.intrinsics import UnresolvableError
from local_region.template.references import creation_order

RESOURCES = {
    "Alias": {"Properties": {"FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}}},
    "Version": {"Properties": {"FunctionName": {"Ref": "Function"}}},
    "Function": {"Properties": {"Role": {"Fn::Sub": "${Role.Arn}"}}, "DependsOn": "Policy"},
    "Policy": {"Properties": {"Roles": [{"Fn::Join": ["", [{"Ref": "Role"}]]}]}},
    "Role": {"Properties": {"Region": {"Ref": "AWS::Region"}}},
}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("Role", "Policy"),
        ("Policy", "Function"),
        ("Function", "Version"),
        ("Version", "Alias"),
    ],
)
def test_needed_resource_comes_first(first, then):
    """Every way of naming a resource orders it before."""
    order = creation_order(RESOURCES)

    assert order.index(first) < order.index(then)


def test_circle_is_named():
    """Two resources that need each other are refused by name."""
    circle = {"A": {"DependsOn": ["B"]}, "B": {"Properties": {"x": {"Ref": "A"}}}}

    with pytest.raises(UnresolvableError, match=r"circle: (A → B → A|B → A → B)"):
        creation_order(circle)
