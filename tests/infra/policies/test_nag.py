"""Promise: cdk-nag and cfn-lint find nothing that the reviewed exceptions do not answer for."""

import contextlib
import json
from datetime import date

import pytest
from cfnlint.api import lint

from infra.application import add_stacks
from infra.config.deployment import Deployment
from infra.main import hand_context
from policies.assembly import read_stacks
from policies.evaluation import Finding
from policies.exceptions import CDK_NAG, CFN_LINT, read_waivers, review
from tests.infra.conftest import GPU_CONTEXT, add_gpu_models, new_catalogue

# isort: split
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

DAY = date(2026, 11, 22)
PACKS = {"AwsSolutions", "Serverless", "NIST.800.53.R5"}


def nagged(root, profile):
    """Synthesize a model of each kind under the three packs; return the folder."""
    catalogue = new_catalogue(root / profile)
    catalogue.add("churn", compute={"min_warm": 1})
    add_gpu_models(catalogue)
    tenants = root / profile / "tenants.yaml"
    tenants.write_text("default: {rate_per_s: 10, burst: 20}\n")
    context = {
        "falaj:profile": profile,
        "falaj:platform": "lambda",
        "falaj:tenants": str(tenants),
        **GPU_CONTEXT,
    }
    app = App(
        context=hand_context(catalogue.sources.repository, context),
        outdir=str(root / profile / "out"),
        builtin_cloud_formation_validation=False,
    )
    add_stacks(app, Deployment.from_context(app.node.get_all_context(None)), catalogue.sources)
    Validations.of(app).add_plugins(
        AwsSolutionsChecks(app), ServerlessChecks(app), NIST80053R5Checks(app)
    )
    with contextlib.suppress(RuntimeError):
        app.synth()
    return root / profile / "out"


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
        for match in lint(path.read_text(), regions=["me-central-1"])
    ]
    result = review(findings, read_waivers(), stacks=read_stacks(out), today=DAY, tool=CFN_LINT)

    assert list(map(str, result.open)) == []
    assert result.faults == ()
