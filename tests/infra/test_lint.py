"""Promise: CloudFormation in me-central-1 would take every template."""

import json

import pytest

from infra.main import hand_context, synthesize
from tests.infra.linting import linted

# isort: split
from aws_cdk import App


def errors(text: str) -> list[str]:
    """Return what cfn-lint calls an error, for the region."""
    return [str(match) for match in linted(text) if match.rule.id[0] == "E"]


@pytest.mark.slow
def test_cfn_lint_finds_no_error(assembly):
    """Schemas and limits of the region, types that it lacks included."""
    found = {path.name: errors(path.read_text()) for path in assembly.template_files}

    assert {name: faults for name, faults in found.items() if faults} == {}


def test_cfn_lint_would_have_found_one():
    """The control: a type that the region lacks, and a property that is none."""
    broken = {
        "Resources": {
            "A": {"Type": "AWS::SageMaker::Endpoint", "Properties": {"EndpointConfigName": "x"}},
            "B": {"Type": "AWS::S3::Bucket", "Properties": {"Colour": "blue"}},
        }
    }

    assert len(errors(json.dumps(broken))) == 2


@pytest.mark.slow
def test_the_cdks_own_rules_find_nothing(catalogue, tmp_path, capfd):
    """They run as errors under the CDK CLI; here once, since they take five seconds."""
    catalogue.add("churn", compute={"min_warm": 1})
    repository = catalogue.sources.repository
    app = App(
        context=hand_context(repository, {"falaj:platform": "lambda"}),
        outdir=str(tmp_path / "out"),
        builtin_cloud_formation_validation=True,
    )
    synthesize(app, catalogue.sources)

    assert "CloudFormation Validate" not in capfd.readouterr().err
    report = json.loads((tmp_path / "out" / "validation-report.json").read_text())
    assert [r for r in report["pluginReports"] if r["conclusion"] != "success"] == []
