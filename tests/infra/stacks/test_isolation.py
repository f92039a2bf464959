"""Promise: no function of profile enterprise has a way out, and each reaches what it may call."""

import json

import pytest

from infra.constructs.function_place import INTERFACE_ACTIONS

JOINED = frozenset(INTERFACE_ACTIONS)
LAMBDA = "lambda.amazonaws.com"


def functions(assembly):
    """Every function with its stack."""
    return {
        f"{stack}/{id_}": function["Properties"]
        for stack in assembly.templates
        for id_, function in assembly.of_type(stack, "AWS::Lambda::Function").items()
    }


def statements(assembly):
    """Every statement of every function's own role."""
    for stack in assembly.templates:
        for role in assembly.of_type(stack, "AWS::IAM::Role").values():
            if LAMBDA in json.dumps(role["Properties"]["AssumeRolePolicyDocument"]):
                for policy in role["Properties"].get("Policies", ()):
                    yield from policy["PolicyDocument"]["Statement"]


def actions(statement):
    """A statement's actions as a list."""
    given = statement["Action"]
    return [given] if isinstance(given, str) else given


def test_every_function_of_a_bank_is_in_the_isolated_subnets(enterprise):
    """The platform's, the controller's, the recorder's and each model's."""
    outside = {
        name: properties.get("VpcConfig")
        for name, properties in functions(enterprise).items()
        if properties.get("VpcConfig")
        != {"SubnetIds": {"Ref": "Subnets"}, "SecurityGroupIds": [{"Ref": "Callers"}]}
    }

    assert outside == {}


def test_a_small_business_pays_for_no_network(smb):
    """Endpoints are billed by the hour."""
    assert [n for n, p in functions(smb).items() if "VpcConfig" in p] == []
    assert "FalajNetwork" not in smb.templates


def test_each_zone_that_is_configured_has_a_subnet(enterprise):
    """By id, as the region profile says."""
    subnets = enterprise.of_type("FalajNetwork", "AWS::EC2::Subnet").values()

    assert [s["Properties"]["AvailabilityZoneId"] for s in subnets] == [
        "mec1-az1",
        "mec1-az2",
        "mec1-az3",
    ]


def test_whatever_a_role_may_do_its_endpoint_lets_through(enterprise):
    """Otherwise a function would hang before a closed door that its role holds a key to."""
    endpoints = enterprise.of_type("FalajNetwork", "AWS::EC2::VPCEndpoint").values()
    open_for = {
        action
        for endpoint in endpoints
        for statement in endpoint["Properties"]["PolicyDocument"]["Statement"]
        for action in actions(statement)
    }
    allowed = {
        action
        for statement in statements(enterprise)
        if statement["Effect"] == "Allow"
        for action in actions(statement)
    }

    closed = {
        action
        for action in allowed - JOINED
        if action not in open_for and f"{action.partition(':')[0]}:*" not in open_for
    }
    assert closed == set()


def test_a_functions_own_code_may_not_make_network_interfaces(enterprise):
    """Lambda needs the right to place the function; whoever breaks into the code has not got it."""
    denied = [s for s in statements(enterprise) if s["Effect"] == "Deny"]

    assert len(denied) == len(functions(enterprise))
    assert all(set(actions(s)) == JOINED for s in denied)
    assert all("lambda:SourceFunctionArn" in s["Condition"]["ArnLike"] for s in denied)


def test_only_the_mandatory_wildcards_are_left(enterprise, smb):
    """Traces, metrics and network interfaces: AWS names no resource for them."""
    mandatory = {
        *JOINED,
        "cloudwatch:GetMetricData",
        "cloudwatch:PutMetricData",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    starred = {
        action
        for assembly in (enterprise, smb)
        for statement in statements(assembly)
        if statement["Effect"] == "Allow" and statement["Resource"] == "*"
        for action in actions(statement)
    }

    assert starred <= mandatory
    assert not any(
        "*" in action
        for assembly in (enterprise, smb)
        for s in statements(assembly)
        for action in actions(s)
    )


def test_each_class_of_data_has_a_key_of_its_own(enterprise):
    """Whoever may read an internal model's log cannot decrypt a health model's."""

    def key_of(model):
        stack = enterprise.template(f"FalajModel-{model}")
        return stack["Parameters"]["ClassKeyArn"]["Default"]

    written = {
        parameter["Properties"]["Name"]: parameter["Properties"]["Value"]["Fn::GetAtt"][0]
        for parameter in enterprise.of_type("FalajFoundation", "AWS::SSM::Parameter").values()
        if parameter["Properties"]["Name"].startswith("/falaj/keys/")
    }
    keys = (key_of("churn"), key_of("file-type"))

    assert keys == ("/falaj/keys/data-internal/arn", "/falaj/keys/data-health/arn")
    assert written[keys[0]] != written[keys[1]]


@pytest.mark.parametrize("profile", ["smb", "enterprise"])
def test_the_controller_may_move_aliases_of_tagged_functions_only(profile, assemblies):
    """A function that is no model's is none of its business."""
    found = [
        s
        for s in statements(assemblies[profile])
        if s["Effect"] == "Allow" and "lambda:UpdateAlias" in actions(s)
    ]

    assert [s["Condition"] for s in found] == [{"Null": {"aws:ResourceTag/falaj:model": "false"}}]
