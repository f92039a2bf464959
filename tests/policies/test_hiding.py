"""Promise: a way out of the country is found however it is written."""

import pytest

from policies.evaluation import evaluate
from tests.policies.planting import resource, resources, stack_of

ABROAD = "residency.other-region"


def rules_broken(stack) -> set[str]:
    """Return the rules that a stack breaks."""
    return {finding.rule for finding in evaluate([stack]).findings}


@pytest.mark.parametrize(
    "value",
    [
        "arn:aws:sns:eu-west-1:111122223333:t",
        {"Fn::Join": ["-", ["us", "east", {"Ref": "One"}]]},
        {"Fn::Sub": "https://sqs.${Where}.amazonaws.com/"},
        {"Fn::Sub": ["https://sqs.${W}.amazonaws.com/", {"W": {"Ref": "Where"}}]},
        {"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "twin"]},
        {"Fn::Select": [1, {"Fn::Split": [",", "me-central-1,ap-south-1"]}]},
        {"Fn::If": ["Rare", {"Fn::If": ["Rarer", "x", "eu-central-1"]}, "me-central-1"]},
        {"Fn::If": ["Rare", "me-central-1", {"Ref": "Where"}]},
        {"Fn::Base64": {"Fn::Sub": "aws s3 cp x s3://y --region ${Where}"}},
        {"nested": [{"deep": ["ca-central-1"]}]},
        {"us-gov-west-1": "as a key"},
        "EU-WEST-1",
    ],
)
def test_another_region_is_found(value):
    """Literal, joined, substituted, mapped, selected, conditional, encoded, nested or as a key."""
    stack = stack_of(
        {
            "Parameters": {
                "One": {"Type": "String", "Default": "1"},
                "Where": {"Type": "String", "Default": "me-south-1"},
            },
            "Mappings": {"Regions": {"me-central-1": {"twin": "eu-north-1"}}},
            "Resources": {
                "It": {
                    "Type": "AWS::SSM::Parameter",
                    "Properties": {"Type": "String", "Value": value},
                }
            },
        }
    )

    assert ABROAD in rules_broken(stack)


@pytest.mark.parametrize(
    "text", ["me-central-1", "me-central-1a", "mec1-az1", "x-us-east-10", "home-1"]
)
def test_our_own_region_is_no_other(text):
    """Nor is what only looks like one."""
    assert rules_broken(resource("AWS::SSM::Parameter", Type="String", Value=text)) == set()


def test_an_output_counts():
    """What a stack says about itself can be an address, too."""
    stack = stack_of({"Resources": {}, "Outputs": {"Url": {"Value": "https://x.eu-west-1.on.aws"}}})

    assert ABROAD in rules_broken(stack)


def test_a_macro_is_refused_where_it_is_called():
    """`Fn::Transform` rewrites a value after these rules have read it."""
    stack = resource(
        "AWS::SSM::Parameter", Type="String", Value={"Fn::Transform": {"Name": "AWS::Include"}}
    )

    assert "residency.opaque-template" in rules_broken(stack)


def test_an_intrinsic_that_makes_no_sense_is_refused():
    """Unreadable is not harmless."""
    stack = resource("AWS::SSM::Parameter", Type="String", Value={"Fn::FindInMap": ["a", "b", "c"]})

    assert "residency.opaque-template" in rules_broken(stack)


def test_more_conditions_than_can_be_tried_are_refused():
    """Seven switches are 128 templates."""
    value = "x"
    for number in range(7):
        value = {"Fn::If": [f"C{number}", value, "y"]}

    assert "residency.opaque-template" in rules_broken(
        resource("AWS::SSM::Parameter", Type="String", Value=value)
    )


def test_a_flag_that_only_deployment_decides_is_not_safe():
    """A parameter may say true on the day."""
    stack = resource("AWS::KMS::Key", EnableKeyRotation=True, MultiRegion={"Ref": "Choice"})

    assert "residency.multi-region-key" in rules_broken(stack)


@pytest.mark.parametrize(
    ("rule", "type_", "properties"),
    [
        ("residency.edge-api", "AWS::ApiGateway::DomainName", {"DomainName": "a.ae"}),
        ("residency.global-waf", "AWS::WAF::WebACL", {"Name": "w"}),
        ("residency.multi-region-key", "AWS::KMS::ReplicaKey", {}),
        ("residency.bucket-replication", "AWS::S3::MultiRegionAccessPoint", {"Regions": []}),
        ("residency.external-sink", "AWS::Events::ApiDestination", {"HttpMethod": "POST"}),
        (
            "residency.external-sink",
            "AWS::SNS::Topic",
            {"Subscription": [{"Protocol": "email", "Endpoint": "a@b.c"}]},
        ),
        (
            "residency.external-sink",
            "AWS::KinesisFirehose::DeliveryStream",
            {
                "HttpEndpointDestinationConfiguration": {
                    "EndpointConfiguration": {"Url": "https://x"}
                }
            },
        ),
        ("residency.internet-gateway", "AWS::EC2::EgressOnlyInternetGateway", {"VpcId": "v"}),
        ("residency.default-route", "AWS::EC2::Route", {"DestinationIpv6CidrBlock": "::/0"}),
        (
            "residency.open-egress",
            "AWS::EC2::SecurityGroupEgress",
            {"GroupId": "g", "IpProtocol": "-1", "CidrIpv6": "::/0"},
        ),
        ("residency.foreign-image", "AWS::Lambda::Function", {"Code": {"ImageUri": "ghcr.io/a/b"}}),
        (
            "residency.foreign-image",
            "AWS::Lambda::Function",
            {"Code": {"ImageUri": "111122223333.dkr.ecr.me-central-1.amazonaws.com/r:1"}},
        ),
        (
            "residency.latency-dns",
            "AWS::Route53::RecordSetGroup",
            {"RecordSets": [{"Name": "a", "Type": "A", "Region": "me-central-1"}]},
        ),
        (
            "residency.backup-copy",
            "AWS::DLM::LifecyclePolicy",
            {"PolicyDetails": {"Schedules": [{"CrossRegionCopyRules": [{"Target": "x"}]}]}},
        ),
        (
            "iam.wildcard-action",
            "AWS::IAM::ManagedPolicy",
            {
                "PolicyDocument": {
                    "Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "a"}
                }
            },
        ),
        (
            "iam.admin-policy",
            "AWS::IAM::Role",
            {"ManagedPolicyArns": ["arn:aws:iam::123456789012:policy/falaj/boundary/region"]},
        ),
        ("exposure.open-resource-policy", "AWS::Lambda::Permission", {"Principal": "*"}),
        (
            "exposure.open-route",
            "AWS::ApiGateway::RestApi",
            {"Body": {"security": [{"key": []}], "paths": {"/": {"get": {"security": [{}]}}}}},
        ),
    ],
)
def test_other_spellings_of_the_same_fault_are_caught(rule, type_, properties):
    """The same way out by another door."""
    assert rule in rules_broken(resource(type_, **properties))


def test_a_bucket_policy_of_another_bucket_protects_nothing():
    """TLS must be asked for by the bucket's own policy."""
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    stack = resources(
        A={"Type": "AWS::S3::Bucket"},
        B={"Type": "AWS::S3::Bucket"},
        P={
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "A"}, "PolicyDocument": {"Statement": [deny]}},
        },
    )
    found = evaluate([stack]).findings

    assert [f.resource for f in found if f.rule == "encryption.tls-only"] == ["S/B"]
