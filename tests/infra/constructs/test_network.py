"""Promise: nothing in the network reaches anything but AWS's own endpoints in the region."""

import json

import pytest
from cfnlint.api import lint

from falaj.contract import REGION
from infra.constructs.endpoints import ENDPOINTS, Endpoint, endpoints
from infra.constructs.function_network import FunctionNetwork
from infra.constructs.keeping import keep
from policies.assembly import read_stacks
from policies.evaluation import evaluate

# isort: split
from aws_cdk import App, Environment, Stack, aws_logs as logs

SERVICES = ("dynamodb", "kms", "logs", "s3", "ssm")
ZONES = ("mec1-az1", "mec1-az3")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A stack that is nothing but a network."""
    folder = tmp_path_factory.mktemp("network")
    app = App(outdir=str(folder))
    stack = Stack(
        app,
        "Net",
        env=Environment(account="123456789012", region=REGION),
        termination_protection=True,
    )
    group = logs.CfnLogGroup(
        stack,
        "Logs",
        retention_in_days=365,
        kms_key_id="arn:aws:kms:me-central-1:123456789012:key/12345678-1234-1234-1234-123456789012",
    )
    keep(group)
    network = FunctionNetwork(
        stack, "Network", az_ids=ZONES, endpoints=endpoints(*SERVICES), flow_logs=group
    )
    stack.export_value(network.dynamodb_url, name="DynamoDbUrl")
    app.synth()
    return folder


@pytest.fixture(scope="module")
def resources(out):
    """The network's resources."""
    template = json.loads((out / "Net.template.json").read_text())
    return list(template["Resources"].values())


def of_type(resources, type_):
    """Return the properties of the resources of a type."""
    return [r["Properties"] for r in resources if r["Type"] == type_]


def test_there_is_no_way_out(resources):
    """No gateway of any kind, and no route but the VPC's own."""
    types = {r["Type"] for r in resources}

    assert not {t for t in types if "Gateway" in t or t == "AWS::EC2::Route"}


def test_subnets_are_placed_by_zone_id(resources):
    """Names such as me-central-1a differ between accounts; ids do not."""
    subnets = of_type(resources, "AWS::EC2::Subnet")

    assert [s["AvailabilityZoneId"] for s in subnets] == list(ZONES)
    assert [s["CidrBlock"] for s in subnets] == ["10.42.0.0/20", "10.42.16.0/20"]


def test_each_subnet_has_a_table_of_its_own(resources):
    """A route that somebody adds to the main table reaches none of them."""
    assert len(of_type(resources, "AWS::EC2::SubnetRouteTableAssociation")) == len(ZONES)


def test_each_endpoint_lets_only_this_account_through(resources):
    """Foreign credentials and foreign buckets are refused by the network itself."""
    found = of_type(resources, "AWS::EC2::VPCEndpoint")
    services = {e["ServiceName"].rpartition(".")[2] for e in found}
    bounds = [
        set(s["Condition"]["StringEquals"]) for e in found for s in e["PolicyDocument"]["Statement"]
    ]

    assert services == set(SERVICES)
    assert bounds == [{"aws:PrincipalAccount", "aws:ResourceAccount"}] * len(SERVICES)


def test_callers_reach_the_endpoints_only(resources):
    """One rule: TLS to the endpoints' group."""
    (callers,) = [
        g
        for g in of_type(resources, "AWS::EC2::SecurityGroup")
        if g["GroupDescription"].startswith("Callers")
    ]

    (rule,) = callers["SecurityGroupEgress"]
    assert (rule["FromPort"], rule["ToPort"], "CidrIp" in rule) == (443, 443, False)


def test_the_policies_and_cfn_lint_find_nothing(out):
    """Residency rules above all."""
    text = (out / "Net.template.json").read_text()
    findings = [str(f) for f in evaluate(read_stacks(out)).findings]
    faults = [str(m) for m in lint(text, regions=[REGION]) if m.rule.id[0] == "E"]

    assert findings == []
    assert faults == []


def test_actions_without_resources_are_not_bound_to_an_account_of_resources():
    """They would be refused: AWS knows no owner of what is not named."""
    policy = ENDPOINTS["xray"].policy()

    assert set(policy["Statement"][0]["Condition"]["StringEquals"]) == {"aws:PrincipalAccount"}


def test_a_stack_may_let_in_what_belongs_to_aws():
    """Image layers of ECR lie in AWS's own buckets."""
    layers = {"Sid": "Layers", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    endpoint = Endpoint(service="s3", actions=("s3:GetObject",), statements=(layers,))

    assert [s["Sid"] for s in endpoint.policy()["Statement"]] == [
        "OwnCallersAndResources",
        "Layers",
    ]
