"""Promise: what a role may do is told completely, in words."""

import json

from audits.iam import rights
from falaj.contract import BOUNDARY_PATH
from tests.audits.test_residency import planted

ACCOUNT = {"Ref": "AWS::AccountId"}


def role(*statements, **more):
    """Make a function's role with these statements."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [trust | {"Action": "sts:AssumeRole"}]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Statement": list(statements)}}],
            **more,
        },
    }


def allow(action, resource, **more):
    """Make a statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def one(tmp_path, **resources):
    """Return the rights of the only role."""
    (found,) = rights(planted(tmp_path / "o", **resources))
    return found


def test_a_statement_becomes_a_sentence(tmp_path):
    """Actions by service, resources without their ARN's front, conditions in words."""
    arn = {"Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*"}
    tagged = {"Null": {"aws:ResourceTag/falaj:model": "false"}}
    found = one(
        tmp_path,
        R=role(
            allow(["lambda:GetAlias", "lambda:UpdateAlias"], arn, Condition=tagged),
            allow("xray:PutTraceSegments", "*"),
            allow("dynamodb:GetItem", {"Fn::GetAtt": ["Status", "Arn"]}),
        ),
    )

    assert found.taken_by == "lambda"
    assert found.may == (
        (
            "lambda GetAlias and UpdateAlias on lambda function:*, "
            "if aws:ResourceTag/falaj:model is present"
        ),
        "xray PutTraceSegments on any resource",
        "dynamodb GetItem on Status",
    )


def test_nothing_that_is_attached_is_left_out(tmp_path):
    """By the role's own list, by the policy's list, and AWS's managed ones by name."""
    document = {"Statement": [allow("s3:GetObject", "*")]}
    found = one(
        tmp_path,
        R=role(
            ManagedPolicyArns=[
                {"Ref": "M"},
                {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/ReadOnlyAccess"},
            ]
        ),
        M={"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}},
        P={
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "Roles": [{"Ref": "R"}],
                "PolicyDocument": {"Statement": [allow("s3:PutObject", "*")]},
            },
        },
    )

    assert set(found.may) == {
        "s3 GetObject on any resource",
        "s3 PutObject on any resource",
        "do what AWS's policy ReadOnlyAccess allows",
    }


def test_what_is_denied_is_told_apart(tmp_path):
    """`NotAction` and `Deny` read as what they mean."""
    found = one(
        tmp_path,
        R=role(
            {"Effect": "Deny", "NotAction": "logs:*", "Resource": "*"},
            allow("s3:GetObject", "arn:aws:s3:::b/*"),
        ),
    )

    assert found.may_not == ("do anything but do anything of logs on any resource",)
    assert found.may == ("s3 GetObject on s3 b/*",)


def test_what_a_name_stands_for_is_said(tmp_path):
    """Nobody knows `Log95422804` by heart, nor what a parameter will hold."""
    found = one(
        tmp_path,
        R=role(
            allow("s3:GetObject", {"Fn::Sub": "${Log95422804.Arn}/a/*"}),
            allow("s3:ListBucket", {"Fn::GetAtt": ["Log95422804", "Arn"]}),
        ),
        Log95422804={"Type": "AWS::S3::Bucket"},
    )

    assert found.may == (
        "s3 GetObject on (the bucket Log)/a/*",
        "s3 ListBucket on the bucket Log",
    )


def test_a_policy_from_elsewhere_is_not_passed_over(tmp_path):
    """What cannot be read is said to be there."""
    arn = {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/wide"}
    found = one(tmp_path, R=role(ManagedPolicyArns=[arn]))

    assert found.may == (
        "do what policy arn:aws:iam::this account:policy/wide allows, which no stack here writes",
    )


def test_what_the_boundary_denies_is_told_with_each_role(tmp_path):
    """Whatever a policy gives, this is not to be had."""
    name = {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:policy{BOUNDARY_PATH}region"}
    elsewhere = {"StringNotEquals": {"aws:RequestedRegion": "me-central-1"}}
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": elsewhere}
    found = one(
        tmp_path,
        R=role(PermissionsBoundary=name),
        B={
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Path": BOUNDARY_PATH,
                "ManagedPolicyName": "region",
                "PolicyDocument": {"Statement": [allow("*", "*"), deny]},
            },
        },
    )

    assert found.may == ()
    assert found.may_not == (
        "do anything on any resource, if aws:RequestedRegion is not me-central-1, by its boundary",
    )


def test_a_role_that_anyone_may_take_cries_out(tmp_path):
    """The reader must not have to know what a star means."""
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}

    assert one(tmp_path, R=role(AssumeRolePolicyDocument=trust)).taken_by == "ANYONE"


def test_both_sides_of_a_condition_are_told(tmp_path):
    """Whatever a parameter may bring about counts."""
    found = one(
        tmp_path,
        R=role(allow({"Fn::If": ["C", "s3:GetObject", "s3:DeleteObject"]}, "*")),
    )

    assert set(found.may) == {"s3 GetObject on any resource", "s3 DeleteObject on any resource"}


def test_every_role_of_the_assembly_is_told(tmp_path):
    """None is skipped, with or without rights."""
    found = rights(planted(tmp_path / "o", A=role(), B=role(allow("s3:GetObject", "*"))))

    assert [told.role for told in found] == ["S/A", "S/B"]
    assert json.dumps([told.may for told in found]) == '[[], ["s3 GetObject on any resource"]]'
