"""Promise: a type that the region lacks is refused at synthesis, whoever put it there."""

import json

from infra.region_check import unoffered_types


def test_a_raw_resource_the_region_lacks_is_named(tmp_path):
    """SageMaker endpoints are not offered in the UAE."""
    resources = {"E": {"Type": "AWS::SageMaker::Endpoint"}, "B": {"Type": "AWS::S3::Bucket"}}
    (tmp_path / "S.template.json").write_text(json.dumps({"Resources": resources}))
    (fault,) = unoffered_types(tmp_path)

    assert fault.startswith(
        "S.template.json: E is AWS::SageMaker::Endpoint, which CloudFormation does not offer in "
        "me-central-1"
    )


def test_our_own_stacks_ask_for_nothing_the_region_lacks(assembly):
    """Both profiles."""
    assert unoffered_types(assembly.folder) == []
