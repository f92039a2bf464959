"""Promise: what breaks a rule is not synthesized, whoever put it there and whatever he says."""

import contextlib
import json
from datetime import UTC, date, datetime

import pytest

from falaj.errors import ConfigurationError
from infra.application import add_stacks
from infra.config.deployment import Deployment
from infra.main import hand_context, synthesize
from infra.policies.plugin import PolicyPack

# isort: split
from aws_cdk import Acknowledgment, App, CfnResource, NestedStack, Stack, Validations

DAY = date(2026, 11, 22)


class FarFuture:
    """A clock that shows a day on which every exception has ended."""

    def now(self) -> datetime:
        """Return it."""
        return datetime(2031, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(tmp_path):
    """An application with one stack for the region."""
    app = App(outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
    Stack(app, "S", env={"region": "me-central-1"})
    return app


def with_pack(app: App, tmp_path) -> PolicyPack:
    """Let the rules look at the application."""
    pack = PolicyPack(tmp_path / "out", today=DAY)
    Validations.of(app).add_plugins(pack)
    return pack


def nat_gateway(app: App) -> CfnResource:
    """Smuggle a way out of the country in as a raw resource."""
    stack = app.node.find_child("S")
    return CfnResource(stack, "N", type="AWS::EC2::NatGateway", properties={"SubnetId": "s"})


def test_a_raw_resource_is_refused(app, tmp_path):
    """No typed construct was asked, and the rule sees it all the same."""
    nat_gateway(app)
    pack = with_pack(app, tmp_path)

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    (fault,) = pack.faults
    assert fault.startswith("residency.nat-gateway: S/N: AWS::EC2::NatGateway")


def test_the_cdks_report_names_rule_and_resource(app, tmp_path):
    """Whoever reads the report of `cdk synth` finds the same."""
    nat_gateway(app)
    with_pack(app, tmp_path)
    with pytest.raises(RuntimeError):
        app.synth()

    report = json.loads((tmp_path / "out" / "validation-report.json").read_text())
    (violation,) = report["pluginReports"][0]["violations"]
    assert violation["ruleName"] == "residency.nat-gateway"
    assert violation["violatingConstructs"][0]["constructPath"] == "S/N"


def test_a_nested_stack_is_looked_into(app, tmp_path):
    """It is no way around the rules, and nesting itself is no fault."""
    inner = NestedStack(app.node.find_child("S"), "Inner")
    CfnResource(inner, "P", type="AWS::SSM::Parameter", properties={"Type": "String", "Value": "v"})
    pack = with_pack(app, tmp_path)
    app.synth()
    assert pack.faults == ()


def test_what_a_nested_stack_hides_is_found(app, tmp_path):
    """Under the name of its template."""
    inner = NestedStack(app.node.find_child("S"), "Inner")
    CfnResource(inner, "N", type="AWS::EC2::NatGateway", properties={"SubnetId": "s"})
    pack = with_pack(app, tmp_path)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()

    assert [fault.partition(":")[0] for fault in pack.faults] == ["residency.nat-gateway"]


def test_a_stack_without_a_region_is_refused(tmp_path):
    """It would go wherever the operator's shell points."""
    app = App(outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
    CfnResource(Stack(app, "S"), "Q", type="AWS::SSM::Parameter")
    pack = with_pack(app, tmp_path)

    with pytest.raises(RuntimeError):
        app.synth()
    assert [fault.partition(":")[0] for fault in pack.faults] == ["residency.stack-region"]


def test_acknowledging_in_code_does_not_help(app, tmp_path):
    """The CDK lets a construct acknowledge a finding; the pack remembers it nevertheless."""
    gateway = nat_gateway(app)
    Validations.of(gateway).acknowledge(
        Acknowledgment(id="Falaj::residency.nat-gateway", reason="I would like to")
    )
    pack = with_pack(app, tmp_path)
    with contextlib.suppress(RuntimeError):
        app.synth()

    assert len(pack.faults) == 1


@pytest.mark.parametrize("profile", ["smb", "enterprise"])
def test_our_own_stacks_are_synthesized(catalogue, tmp_path, profile):
    """With the exceptions that stand in the file, and no other."""
    catalogue.add("churn", compute={"min_warm": 1})
    app = App(
        context=hand_context(
            catalogue.sources.repository,
            {"falaj:profile": profile, "falaj:platform": "lambda"},
        ),
        outdir=str(tmp_path / "out"),
        builtin_cloud_formation_validation=False,
    )
    add_stacks(app, Deployment.from_context(app.node.get_all_context(None)), catalogue.sources)
    pack = with_pack(app, tmp_path)
    app.synth()

    assert pack.faults == ()


def test_an_open_api_is_not_built_for_lambda(catalogue, assemble):
    """`falaj up` may open the API to its own user; nothing that can be deployed may be."""
    catalogue.add("churn")
    assemble(catalogue.sources, access="open")

    with pytest.raises(ConfigurationError, match=r"exposure\.open-route: FalajApi/"):
        assemble(catalogue.sources, access="open", platform="lambda")


def test_exceptions_end_by_the_clock(catalogue, tmp_path):
    """On the day after, the same stacks are refused and the exception is named."""
    catalogue.add("churn")
    app = App(
        context=hand_context(catalogue.sources.repository, {"falaj:platform": "lambda"}),
        outdir=str(tmp_path / "out"),
        builtin_cloud_formation_validation=False,
    )

    with pytest.raises(ConfigurationError, match=r"encryption\.log-key .* expired on 2027-11-01"):
        synthesize(app, catalogue.sources, clock=FarFuture())
