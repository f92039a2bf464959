"""Promise: a type that the region lacks is refused at synthesis, whoever put it there."""

import pytest

from infra.main import RESIDENCY
from policies.assembly import read_stacks
from policies.evaluation import evaluate

# isort: split
from aws_cdk import App, CfnResource, Stack


@pytest.mark.parametrize("kind", ["AWS::SageMaker::Endpoint", "AWS::CodeGuruProfiler::Nothing"])
def test_a_raw_resource_the_region_lacks_is_named(tmp_path, kind):
    """SageMaker endpoints are not offered in the UAE."""
    app = App(outdir=str(tmp_path), builtin_cloud_formation_validation=False)
    stack = Stack(app, "S", env={"region": "me-central-1"})
    CfnResource(stack, "E", type=kind)
    app.synth()
    (finding,) = evaluate(read_stacks(tmp_path), RESIDENCY).findings

    assert str(finding) == (
        f"residency.type-offered: S/E: CloudFormation does not offer {kind} in me-central-1; "
        "use another type"
    )


def test_our_own_stacks_ask_for_nothing_the_region_lacks(assembly):
    """Both profiles."""
    assert evaluate(read_stacks(assembly.folder), RESIDENCY).findings == ()
