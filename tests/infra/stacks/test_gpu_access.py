"""Promise: replicas get what they need to ask who calls and to count, and nothing beside it."""

import json

import pytest

from local_region.issuer import AUDIENCE, ISSUER, LocalIssuer
from tests.infra.conftest import GPU_CONTEXT, new_catalogue, synthesized
from tests.infra.stacks.test_gpu import CANARY, LINEAR, SHARED, allowed, container, environment

API, ENDPOINT = "FalajApi", "AWS::EC2::VPCEndpoint"
TENANTS = "default: {rate_per_s: 10, burst: 20}\n"


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def asking(request, tmp_path_factory):
    """Each profile with tokens, bounded tenants and one GPU model; its profile."""
    root = tmp_path_factory.mktemp(f"asking-{request.param}")
    LocalIssuer.open(root / "issuer")
    (root / "tenants.yaml").write_text(TENANTS)
    catalogue = new_catalogue(root)
    catalogue.add("vision", compute={"target": "gpu"}, access={"tenants": ["acme"]})
    catalogue.add("search", compute={"target": "gpu", "engine": "triton"})
    context = {
        "falaj:profile": request.param,
        "falaj:platform": "lambda",
        "falaj:access": "jwt",
        "falaj:jwtIssuer": ISSUER,
        "falaj:jwtAudience": AUDIENCE,
        "falaj:jwtKeys": str(root / "issuer" / "jwks.json"),
        "falaj:tenants": str(root / "tenants.yaml"),
        **GPU_CONTEXT,
    }
    return request.param, synthesized(catalogue.sources, root / "out", context)


def test_a_replica_is_told_whose_tokens_count_and_who_may_run_the_model(asking):
    """The same words as the authorizer is told, and this model's alone."""
    _, assembly = asking
    told = json.loads(environment(container(assembly, CANARY, "server"))["FALAJ_ACCESS"])

    assert (told["mode"], told["issuer"], told["audiences"]) == ("jwt", ISSUER, [AUDIENCE])
    assert (told["algorithms"], told["keys_parameter"]) == (["RS256"], "/falaj/access/keys")
    assert told["models"] == [
        {"model": "vision", "invoke": ["model:vision:invoke"], "tenants": ["acme"]}
    ]


def test_a_replica_counts_what_nobody_has_counted_before(asking):
    """Behind an HTTP API everything; before a REST API stands a usage plan."""
    profile, assembly = asking
    given = environment(container(assembly, CANARY, "server"))

    assert given["FALAJ_QUOTAS"] == {"smb": "rate", "enterprise": "concurrency"}[profile]
    assert given["FALAJ_CLIENT_CERTIFICATES"] == "verified"
    assert set(given["AWS_ENDPOINT_URL_DYNAMODB"]) == {"Ref"}


def test_the_gate_before_triton_is_told_the_same(asking):
    """Whose tokens count, who may run its model, what is counted; Triton itself nothing of it."""
    _, assembly = asking
    gate, server = (environment(container(assembly, LINEAR, n)) for n in ("gate", "server"))
    other = environment(container(assembly, CANARY, "server"))
    told, others = json.loads(gate["FALAJ_ACCESS"]), json.loads(other["FALAJ_ACCESS"])

    assert [each["model"] for each in told.pop("models")] == ["search"]
    assert others.pop("models")
    assert told == others
    for name in ("FALAJ_QUOTAS", "FALAJ_CLIENT_CERTIFICATES", "FALAJ_RANKS"):
        assert gate[name] == other[name]
    assert set(server) == {"FALAJ_RELEASE"}


def test_a_replica_may_read_keys_and_limits_and_count_and_no_more(asking):
    """In its own statements, each with what it names."""
    _, assembly = asking
    (role,) = [
        each
        for each in assembly.of_type(CANARY, "AWS::IAM::Role").values()
        if "ReadModels" in allowed(each)
    ]
    statements = allowed(role)

    assert statements["ReadIssuerKeys"]["Action"] == ["ssm:GetParameter"]
    assert statements["CountRequests"]["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert "parameter/falaj/access/keys" in json.dumps(statements["ReadIssuerKeys"]["Resource"])
    assert "*" not in statements["CountRequests"]["Resource"]


def test_the_services_network_leads_to_the_table(asking):
    """By an interface, which a security group can name."""
    _, assembly = asking
    (found,) = [
        each["Properties"]
        for each in assembly.of_type(SHARED, ENDPOINT).values()
        if each["Properties"]["ServiceName"].endswith(".dynamodb")
    ]

    assert (found["VpcEndpointType"], found["PrivateDnsEnabled"]) == ("Interface", False)


def test_the_keys_are_written_in_either_profile(asking):
    """Once, whoever reads them."""
    _, assembly = asking
    names = [
        each["Properties"].get("Name")
        for each in assembly.of_type(API, "AWS::SSM::Parameter").values()
    ]

    assert names.count("/falaj/access/keys") == 1
