"""Promise: whatever answers a tenant counts it, and a tenant nobody planned for is told of."""

import pytest

from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer

TENANTS = "default: {rate_per_s: 10, burst: 20}\ntenants:\n  acme: {rate_per_s: 5, burst: 5}\n"


@pytest.fixture
def bounded(catalogue, assemble, tmp_path):
    """Synthesize one model for tenants with limits, asking for tokens."""
    catalogue.add("churn")
    LocalIssuer.open(tmp_path / "issuer")
    (tmp_path / "tenants.yaml").write_text(TENANTS)

    def build(profile, access="jwt"):
        tokens = {"jwtIssuer": ISSUER, "jwtAudience": AUDIENCE}
        if profile == "enterprise":
            tokens["jwtKeys"] = str(tmp_path / "issuer" / KEYS_FILE)
        return assemble(
            catalogue.sources,
            profile=profile,
            access=access,
            tenants=str(tmp_path / "tenants.yaml"),
            **(tokens if access == "jwt" else {}),
        )

    return build


def counting(assembly):
    """What each function that answers callers is told to count, by its description."""
    found = {}
    for stack in ("FalajApi", "FalajModel-churn"):
        for function in assembly.of_type(stack, "AWS::Lambda::Function").values():
            properties = function["Properties"]
            variables = properties["Environment"]["Variables"]
            found[properties["Description"].partition(" · ")[0]] = variables.get("FALAJ_QUOTAS")
    return found


@pytest.mark.parametrize(("profile", "counts"), [("smb", "rate"), ("enterprise", "concurrency")])
def test_platform_and_models_count_the_same(bounded, profile, counts):
    """Feedback, experiments and the catalogue are asked within the tenant's quota, too."""
    told = counting(bounded(profile))
    told.pop("Checks bearer tokens: who calls, and what a token opens", None)

    assert told == {"Catalogue, health, OpenAPI document": counts, "churn 1": counts}


def rights(assembly, stack):
    """What roles of a stack may do, by statement id."""
    return {
        statement["Sid"]: statement["Action"]
        for role in assembly.of_type(stack, "AWS::IAM::Role").values()
        for policy in role["Properties"].get("Policies", ())
        for statement in policy["PolicyDocument"]["Statement"]
    }


def test_who_counts_may_count_and_read_limits_and_nothing_more(bounded):
    """Two writes of DynamoDB, one read of SSM."""
    found = rights(bounded("smb"), "FalajApi")

    assert found["CountRequests"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert found["ReadLimits"] == ["ssm:GetParameters"]


def alarms(assembly):
    """Alarms on tenants without a plan."""
    return [
        alarm
        for stack in assembly.templates
        for alarm in assembly.of_type(stack, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "UnplannedTenants"
    ]


def test_an_unplanned_tenant_calls_somebody(bounded):
    """Before a REST API, where all such tenants share one bucket."""
    (alarm,) = alarms(bounded("enterprise"))
    properties = alarm["Properties"]

    assert properties["Dimensions"] == [{"Name": "Scope", "Value": "all-models"}]
    assert properties["AlarmActions"] == properties["OKActions"] != []


@pytest.mark.parametrize(("profile", "access"), [("smb", "jwt"), ("enterprise", "iam")])
def test_where_no_plan_counts_none_is_missed(bounded, profile, access):
    """Where functions count, every tenant has a bucket of its own."""
    assert alarms(bounded(profile, access)) == []


def test_without_tenants_nobody_counts(catalogue, assemble):
    """No table is asked, and no right is given."""
    catalogue.add("churn")
    assembly = assemble(catalogue.sources)

    assert set(counting(assembly).values()) == {None}
    assert "CountRequests" not in rights(assembly, "FalajApi")
