"""Promise: cdk-nag and cfn-lint find nothing that the reviewed exceptions do not answer for."""

import contextlib
import json
from datetime import date
from pathlib import Path

import pytest

from falaj.contract import PROFILE_TAG
from infra.application import add_stacks
from infra.config.deployment import Deployment
from infra.main import hand_context
from local_region.issuer import AUDIENCE, ISSUER, KEYS_FILE, LocalIssuer
from policies.assembly import read_stacks
from policies.evaluation import Finding
from policies.exceptions import CDK_NAG, CFN_LINT, read_waivers, review
from tests.infra.conftest import (
    BATCH_CONTEXT,
    GPU_CONTEXT,
    REPOSITORY,
    add_gpu_models,
    new_catalogue,
)
from tests.infra.linting import linted
from tests.infra.stacks.test_drift import add as add_watched
from tests.infra.stacks.test_experiments import STICKY, add as add_versions, declare

# isort: split
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

DAY = date(2026, 11, 22)
TENANTS = "default: {rate_per_s: 10, burst: 20}\ntenants:\n  acme: {rate_per_s: 5, burst: 5}\n"
AUTHORITY = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
FUNCTIONS = REPOSITORY / "functions"
EVERYWHERE = {
    f"Falaj{name}"
    for name in (
        "Api",
        "Batch",
        "Drift",
        "Experiments",
        "Foundation",
        "Gpu",
        "GpuModel",
        "Model",
        "Rollouts",
    )
} | {"FalajAsynchronous", "FalajShedding"}
PACKS = {"AwsSolutions", "Serverless", "NIST.800.53.R5"}


def everything(root, profile):
    """Declare a model of each kind, experiments, tenants and tokens; return what synthesizes it."""
    catalogue = new_catalogue(root)
    catalogue.add("churn", compute={"min_warm": 1}, asynchronous={})
    add_versions(catalogue, 2, 3, model="greeter")
    declare(catalogue, model="greeter", **STICKY)
    add_watched(catalogue, "watched")
    add_gpu_models(catalogue)
    (root / "tenants.yaml").write_text(TENANTS)
    LocalIssuer.open(root / "issuer")
    context = {
        "falaj:profile": profile,
        "falaj:platform": "lambda",
        "falaj:tenants": str(root / "tenants.yaml"),
        "falaj:access": "jwt",
        "falaj:jwtIssuer": ISSUER,
        "falaj:jwtAudience": AUDIENCE,
        "falaj:jwtKeys": str(root / "issuer" / KEYS_FILE),
        **GPU_CONTEXT,
        **BATCH_CONTEXT,
        "falaj:batch": "churn,greeter",
    }
    if profile == "enterprise":
        (root / "ca.pem").write_text(AUTHORITY)
        context["falaj:apiDomain"] = "models.example.ae"
        context["falaj:apiCertificate"] = GPU_CONTEXT["falaj:gpuCertificate"]
        context["falaj:apiTrustStore"] = str(root / "ca.pem")
    return catalogue.sources, context


def nagged(root, profile):
    """Synthesize all that there is to deploy under the three packs; return the folder."""
    sources, context = everything(root, profile)
    app = App(
        context=hand_context(sources.repository, context),
        outdir=str(root / "out"),
        builtin_cloud_formation_validation=False,
    )
    add_stacks(app, Deployment.from_context(app.node.get_all_context(None)), sources)
    Validations.of(app).add_plugins(
        AwsSolutionsChecks(app), ServerlessChecks(app), NIST80053R5Checks(app)
    )
    with contextlib.suppress(RuntimeError):
        app.synth()
    return root / "out"


@pytest.fixture(scope="module", params=["smb", "enterprise"])
def out(request, tmp_path_factory):
    """Each profile's assembly with cdk-nag's report in it."""
    return nagged(tmp_path_factory.mktemp("nag"), request.param)


def nag_findings(out) -> list[Finding]:
    """Return what cdk-nag found, as findings."""
    report = json.loads((out / "validation-report.json").read_text())
    return [
        Finding(
            rule=violation["ruleName"],
            resource=place["constructPath"],
            type=place.get("constructFqn", ""),
            sentence=violation["description"],
        )
        for plugin in report["pluginReports"]
        if plugin["pluginName"] in PACKS
        for violation in plugin["violations"]
        for place in violation["violatingConstructs"]
    ]


def test_every_stack_and_function_there_is_was_looked_at(out):
    """What the repository can deploy at all, so that no answer below is about a part of it."""
    stacks = read_stacks(out)
    is_enterprise = stacks[0].tags[PROFILE_TAG] == "enterprise"
    keys = [
        resource["Properties"]["Code"]["S3Key"]
        for stack in stacks
        for resource in stack.template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    texts = {(out / f"asset.{Path(key).stem}" / "handler.py").read_bytes() for key in keys}
    handlers = {path.parent.name: path.read_bytes() for path in FUNCTIONS.glob("*/handler.py")}

    only_there = {"FalajAudit", "FalajNetwork"} if is_enterprise else set()
    assert {stack.name.partition("-")[0] for stack in stacks} == EVERYWHERE | only_there
    absent = set() if is_enterprise else {"authorizer", "audit_recorder"}
    assert {name for name, text in handlers.items() if text not in texts} == absent


@pytest.mark.slow
def test_cdk_nag_is_answered(out):
    """No finding is open, and no exception is idle."""
    findings = nag_findings(out)
    result = review(findings, read_waivers(), stacks=read_stacks(out), today=DAY, tool=CDK_NAG)

    assert [f"{finding.rule} {finding.resource}" for finding in result.open] == []
    assert result.faults == ()


def test_cdk_nag_did_look(out):
    """The control: three packs ran, and each had something to say."""
    prefixes = {finding.rule.partition("-")[0] for finding in nag_findings(out)}

    assert prefixes == PACKS


@pytest.mark.slow
def test_cfn_lint_is_answered(out):
    """Errors, warnings and advice for the region."""
    findings = [
        Finding(
            rule=match.rule.id,
            resource=f"{path.name.removesuffix('.template.json')}/{match.path[1]}",
            type="",
            sentence=match.message,
        )
        for path in sorted(out.glob("*.template.json"))
        for match in linted(path.read_text())
    ]
    result = review(findings, read_waivers(), stacks=read_stacks(out), today=DAY, tool=CFN_LINT)

    assert list(map(str, result.open)) == []
    assert result.faults == ()
