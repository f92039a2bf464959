"""Promise: what stands before an API is what its settings say, and CloudFormation would take it."""

import json

import pytest
from cfnlint.api import lint

from falaj.domain.quota import Limits
from infra.config.deployment import Deployment
from infra.config.edge import ApiName
from infra.config.profile import Profile
from infra.config.tenants import Tenants
from infra.constructs.api_domain import ApiDomain
from infra.constructs.usage_plans import UsagePlans
from infra.constructs.web_acl import BODY_RULES, WebAcl

# isort: split
from aws_cdk import App, Environment, Stack, aws_apigateway as rest

CERTIFICATE = (
    "arn:aws:acm:me-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
)
SETTINGS = Deployment(profile=Profile.ENTERPRISE).settings
LIMITS = Limits(rate_per_s=10, burst=20)
TENANTS = Tenants(default=Limits(rate_per_s=1, burst=2), named={"acme": LIMITS, "globex": LIMITS})
KEYS = {name: f"{name:x<20}" for name in ("*", "acme", "globex")}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A REST API with everything before it."""
    folder = tmp_path_factory.mktemp("guards")
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    app = App(outdir=str(folder / "out"))
    stack = Stack(app, "Guards", env=Environment(region="me-central-1"))
    api = rest.CfnRestApi(stack, "Api", name="a", body={"openapi": "3.0.1", "paths": {}})
    deployed = rest.CfnDeployment(stack, "Deployed", rest_api_id=api.ref)
    stage = rest.CfnStage(
        stack,
        "Stage",
        rest_api_id=api.ref,
        stage_name="live",
        deployment_id=deployed.attr_deployment_id,
    )
    WebAcl(stack, "Acl", stage=stage, settings=SETTINGS, key_arn=None)
    UsagePlans(stack, "Plans", stage=stage, tenants=TENANTS, keys=KEYS)
    ApiDomain(
        stack,
        "Domain",
        name=ApiName(domain="models.example.ae", certificate=CERTIFICATE, trust_store="ca.pem"),
        stage=stage,
        trust_store=folder / "ca.pem",
    )
    app.synth()
    return json.loads((folder / "out" / "Guards.template.json").read_text())


def of_type(template, type_):
    """Return the properties of the resources of a type."""
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == type_]


def test_cloudformation_would_take_it(template):
    """In the region, by its schemas."""
    found = lint(json.dumps(template), regions=["me-central-1"])

    assert [str(match) for match in found if match.rule.id[0] == "E"] == []


def test_the_web_acl_is_regional_and_bound_to_the_stage(template):
    """A global one would be CloudFront's, and leave the region."""
    (acl,) = of_type(template, "AWS::WAFv2::WebACL")
    (bound,) = of_type(template, "AWS::WAFv2::WebACLAssociation")

    assert acl["Scope"] == "REGIONAL"
    assert "/stages/${Stage}" in bound["ResourceArn"]["Fn::Sub"][0]


def test_rate_size_and_managed_rules_are_there_and_block(template):
    """Whatever is not one of AWS's own sets refuses."""
    (acl,) = of_type(template, "AWS::WAFv2::WebACL")
    kinds = {next(iter(rule["Statement"])) for rule in acl["Rules"]}
    own = [rule for rule in acl["Rules"] if "ManagedRuleGroupStatement" not in rule["Statement"]]

    assert {
        "RateBasedStatement",
        "SizeConstraintStatement",
        "RegexMatchStatement",
        "ManagedRuleGroupStatement",
    } == kinds
    assert all(rule["Action"] == {"Block": {}} for rule in own)


def test_tensors_are_not_taken_for_attacks(template):
    """Rules that read bodies count; a text may hold a script tag, and nobody runs it."""
    (acl,) = of_type(template, "AWS::WAFv2::WebACL")
    (core,) = [rule for rule in acl["Rules"] if rule["Name"] == "Core"]
    overrides = core["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]

    assert {o["Name"] for o in overrides} == set(BODY_RULES)
    assert all(o["ActionToUse"] == {"Count": {}} for o in overrides)


def test_only_what_was_stopped_is_logged_and_not_whose_it_was(template):
    """Tokens, cookies, addresses and whom they name are redacted; ordinary requests left out."""
    (logging,) = of_type(template, "AWS::WAFv2::LoggingConfiguration")
    headers = {
        field["SingleHeader"]["Name"]
        for field in logging["RedactedFields"]
        if "SingleHeader" in field
    }
    (kept,) = logging["LoggingFilter"]["Filters"]

    assert headers >= {"authorization", "cookie", "user-agent", "x-user-id", "x-forwarded-for"}
    assert all({field: {}} in logging["RedactedFields"] for field in ("QueryString", "UriPath"))
    assert (logging["LoggingFilter"]["DefaultBehavior"], kept["Behavior"]) == ("DROP", "KEEP")
    assert kept["Conditions"] == [{"ActionCondition": {"Action": "BLOCK"}}]


def test_each_tenant_has_a_key_and_equal_limits_share_a_plan(template):
    """A plan counts each key by itself."""
    plans = of_type(template, "AWS::ApiGateway::UsagePlan")

    assert len(of_type(template, "AWS::ApiGateway::ApiKey")) == 3
    assert sorted(plan["Throttle"]["RateLimit"] for plan in plans) == [1, 10]
    assert len(of_type(template, "AWS::ApiGateway::UsagePlanKey")) == 3


def test_callers_show_certificates_of_the_trust_store(template):
    """TLS 1.2 at least, regional, from this account's bucket."""
    (domain,) = of_type(template, "AWS::ApiGateway::DomainName")

    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert "s3://" in json.dumps(domain["MutualTlsAuthentication"]["TruststoreUri"])
