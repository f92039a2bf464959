"""Promise: a release with a shadow may copy to its own function's versions, and to nothing else."""

import json

import pytest

from catalogue.reading import load_model
from falaj.contract import ENV_SHADOW_PARAMETER, SHADOWS_PARAMETER_ROOT, shadow_parameter
from falaj.domain.shadow import NO_SHADOW, ShadowOrder
from falaj.errors import ConfigurationError

STACK = "FalajModel-twin"


def test_function_knows_where_its_order_lies(assembly):
    """Only a function whose plan is a shadow has the setting, and so the machinery."""
    variables = {
        stack: assembly.one(stack, "AWS::Lambda::Function")["Properties"]["Environment"]
        for stack in (STACK, "FalajModel-churn")
    }

    assert variables[STACK]["Variables"][ENV_SHADOW_PARAMETER] == shadow_parameter("twin")
    assert ENV_SHADOW_PARAMETER not in variables["FalajModel-churn"]["Variables"]


def test_order_says_nothing_when_it_is_made(assembly):
    """The rollout controller alone writes it; until then nothing is copied."""
    values = {
        one["Properties"]["Name"]: one["Properties"]["Value"]
        for one in assembly.of_type(STACK, "AWS::SSM::Parameter").values()
    }

    assert values[shadow_parameter("twin")] == NO_SHADOW
    assert ShadowOrder.from_json(NO_SHADOW) is None


def test_role_may_copy_to_its_own_versions_alone(assembly):
    """Two statements: the order by its name, Invoke by the function's own ARN."""
    policy = assembly.one(STACK, "AWS::IAM::Policy")["Properties"]
    function = next(iter(assembly.of_type(STACK, "AWS::Lambda::Function")))
    read, copy = policy["PolicyDocument"]["Statement"]

    assert policy["Roles"] == [{"Ref": next(iter(assembly.of_type(STACK, "AWS::IAM::Role")))}]
    assert (read["Action"], copy["Action"]) == (["ssm:GetParameter"], ["lambda:InvokeFunction"])
    assert copy["Resource"] == {
        "Fn::Sub": ["${Function}:*", {"Function": {"Fn::GetAtt": [function, "Arn"]}}]
    }
    assert "*" not in json.dumps(read)


def test_copy_is_tried_once_and_kept_nowhere(assembly):
    """A failed copy is evidence, and what it holds is a caller's: no retry, no dead letters."""
    config = assembly.one(STACK, "AWS::Lambda::EventInvokeConfig")["Properties"]
    version = next(iter(assembly.of_type(STACK, "AWS::Lambda::Version")))

    assert config["Qualifier"] == {"Fn::GetAtt": [version, "Version"]}
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)
    assert "DestinationConfig" not in config


def test_release_is_stated_after_all_of_it(assembly):
    """The controller hears of a shadow that can already be one."""
    parameters = assembly.of_type(STACK, "AWS::SSM::Parameter").values()
    (desired,) = (one for one in parameters if "desired-release" in one["Properties"]["Name"])
    needed = {
        *assembly.of_type(STACK, "AWS::Lambda::EventInvokeConfig"),
        *assembly.of_type(STACK, "AWS::IAM::Policy"),
    }

    assert needed <= set(desired["DependsOn"])


def test_controller_may_write_orders(assembly):
    """By their root, and no other parameter."""
    policies = json.dumps(
        [
            role["Properties"]
            for role in assembly.of_type("FalajRollouts", "AWS::IAM::Role").values()
        ]
    )

    assert policies.count("ssm:PutParameter") == 1
    assert f"parameter{SHADOWS_PARAMETER_ROOT}/*" in policies


@pytest.mark.parametrize("compute", [{"snap_start": True}, {"target": "gpu"}])
def test_what_cannot_copy_is_refused(catalogue, compute):
    """A snapshot outlives its connections; a container has no phase after the response."""
    catalogue.add("m", compute=compute, release={"plan": "shadow"})

    with pytest.raises(ConfigurationError, match="shadow"):
        load_model(catalogue.sources.models / "m" / "model.yaml")
