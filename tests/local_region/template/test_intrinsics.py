"""Promise: an expression means what CloudFormation says, or the region says why not."""

import pytest

from local_region.template.intrinsics import (
    NO_VALUE,
    Physical,
    Scope,
    UnresolvableError,
    condition_holds,
    resolve,
)

BUCKET = Physical(ref="bucket-1", attributes={"Arn": "arn:aws:s3:::bucket-1"})


def ssm(name):
    """The one SSM parameter there is."""
    return {"/falaj/name": "tashkeel"}[name]


def parameter(name):
    """Three template parameters."""
    return {"Stage": "prod", "Count": 3, "Zones": ["a", "b"]}[name]


SCOPE = Scope(
    parameter=parameter,
    resources={"Bucket": BUCKET},
    pseudo={"AWS::Region": "me-central-1", "AWS::NoValue": NO_VALUE},
    ssm=ssm,
    conditions={
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsTest": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
        "Odd": {"Fn::Contains": [["a"], "a"]},
    },
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Bucket"}, "bucket-1"),
        ({"Ref": "Stage"}, "prod"),
        ({"Ref": "AWS::Region"}, "me-central-1"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::bucket-1"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::bucket-1"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, {"Ref": "Count"}]]}, "a-prod-3"),
        ({"Fn::Join": [",", {"Ref": "Zones"}]}, "a,b"),
        ({"Fn::Select": [1, {"Fn::Split": [":", {"Fn::GetAtt": ["Bucket", "Arn"]}]}]}, "aws"),
        ({"Fn::Select": ["0", {"Ref": "Zones"}]}, "a"),
        ({"Fn::Sub": "${Bucket.Arn}/${AWS::Region}/${!literal}"}, None),
        ({"Fn::Sub": ["${X}-${Stage}", {"X": {"Ref": "Bucket"}}]}, "bucket-1-prod"),
        ({"Fn::Sub": '{"a":"${Stage}","b":{"c":1}}'}, '{"a":"prod","b":{"c":1}}'),
        ("{{resolve:ssm:/falaj/name}}-live", "tashkeel-live"),
        ({"Fn::If": ["IsProd", 1, 2]}, 1),
        ({"Fn::If": ["IsTest", 1, 2]}, 2),
        ({"Kept": 1, "Gone": {"Ref": "AWS::NoValue"}}, {"Kept": 1}),
        ([1, {"Fn::If": ["IsTest", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"Ref": "Bucket", "Other": 1}, {"Ref": "Bucket", "Other": 1}),
        (True, True),
    ],
)
def test_expression_has_cloudformations_value(expression, value):
    """What a template says is what the resource gets."""
    if value is None:
        value = "arn:aws:s3:::bucket-1/me-central-1/${literal}"

    assert resolve(expression, SCOPE) == value


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not known"),
        ({"Fn::Transform": {}}, "Fn::Transform is not known"),
        ({"Ref": "Nobody"}, "'Nobody', which is nothing"),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "'Nobody', which is nothing"),
        ({"Fn::GetAtt": ["Bucket", "WebsiteURL"]}, "no attribute 'WebsiteURL'.*Arn"),
        ({"Fn::Select": [5, ["a"]]}, "no item 5"),
        ({"Fn::Join": ["", [{"a": 1}]]}, "dict cannot be part of a string"),
        ("{{resolve:secretsmanager:x}}", "secretsmanager:x}} is not known"),
        ("{{resolve:ssm:/nobody}}", "no SSM parameter '/nobody'"),
        ({"Fn::If": ["Nothing", 1, 2]}, "no condition 'Nothing'"),
    ],
)
def test_unknown_expression_is_named(expression, reason):
    """Nothing is skipped in silence: the sentence names what is not understood."""
    with pytest.raises(UnresolvableError, match=reason):
        resolve(expression, SCOPE)


@pytest.mark.parametrize(
    ("name", "holds"), [("IsProd", True), ("IsTest", False), ("Either", True), ("Both", False)]
)
def test_condition_has_its_truth(name, holds):
    """A resource behind a condition exists exactly when it holds."""
    assert condition_holds(name, SCOPE) is holds


def test_unknown_condition_function_is_named():
    """A condition that cannot be computed is no condition that is false."""
    with pytest.raises(UnresolvableError, match="Fn::Contains"):
        condition_holds("Odd", SCOPE)
