"""Promise: `cdk.out` is read as it stands, or refused in one sentence."""

import json

import pytest

from local_region.assembly import Assembly
from local_region.errors import AssemblyError, AssetError
from tests.local_region.handwritten import Assembly as Handwritten

TOPIC = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}


def test_stacks_come_after_what_they_need(tmp_path):
    """The order of the manifest does not matter, the dependencies do."""
    written = Handwritten(tmp_path)
    written.stack("Api", TOPIC, after=["Model"]).stack("Model", TOPIC, after=["Foundation"])
    written.stack("Foundation", TOPIC)

    names = [stack.name for stack in Assembly.read(tmp_path).stacks]

    assert names == ["Foundation", "Model", "Api"]


def test_asset_is_found_by_its_key(tmp_path):
    """A template names an asset by its object key."""
    written = Handwritten(tmp_path)
    code = written.code()
    written.stack("Model", TOPIC)

    (stack,) = Assembly.read(tmp_path).stacks

    assert (stack.asset(code["S3Key"]).path / "handler.py").is_file()


def test_stacks_of_a_stage_are_found(tmp_path):
    """A stage's nested assembly is part of the assembly."""
    Handwritten(tmp_path / "assembly-Prod").stack("Inner", TOPIC)
    outer = Handwritten(tmp_path)
    outer.artifacts["assembly-Prod"] = {
        "type": "cdk:cloud-assembly",
        "properties": {"directoryName": "assembly-Prod"},
    }
    outer.write()

    assert [stack.name for stack in Assembly.read(tmp_path).stacks] == ["Inner"]


def test_missing_assembly_says_what_to_run(tmp_path):
    """Nothing synthesized yet."""
    with pytest.raises(AssemblyError, match="no synthesized stacks here; run `python app"):
        Assembly.read(tmp_path)


def test_empty_assembly_is_refused(tmp_path):
    """An application without stacks serves nothing."""
    Handwritten(tmp_path).write()

    with pytest.raises(AssemblyError, match="holds no stack"):
        Assembly.read(tmp_path)


def test_broken_template_is_named(tmp_path):
    """Half a template is no template."""
    Handwritten(tmp_path).stack("Model", TOPIC)
    (tmp_path / "Model.template.json").write_text('{"Resources":')

    with pytest.raises(AssemblyError, match=r"Model\.template\.json: is no JSON"):
        Assembly.read(tmp_path)


def test_circle_of_stacks_is_named(tmp_path):
    """Stacks that wait for each other."""
    Handwritten(tmp_path).stack("A", TOPIC, after=["B"]).stack("B", TOPIC, after=["A"])

    with pytest.raises(AssemblyError, match="depend on each other in a circle"):
        Assembly.read(tmp_path)


def test_unknown_asset_is_named(tmp_path):
    """A key that no manifest lists."""
    Handwritten(tmp_path).stack("Model", TOPIC)
    (stack,) = Assembly.read(tmp_path).stacks

    with pytest.raises(AssetError, match=r"Model: asset 'nobody\.zip' is in no asset manifest"):
        stack.asset("nobody.zip")


def test_vanished_asset_is_named(tmp_path):
    """A file that the manifest lists and the disk has not."""
    written = Handwritten(tmp_path)
    code = written.code()
    written.stack("Model", TOPIC)
    manifest = json.loads((tmp_path / "Model.assets.json").read_text())
    for entry in manifest["files"].values():
        entry["source"]["path"] = "asset.gone"
    (tmp_path / "Model.assets.json").write_text(json.dumps(manifest))
    (stack,) = Assembly.read(tmp_path).stacks

    with pytest.raises(AssetError, match=r"is missing at .*asset\.gone; synthesize again"):
        stack.asset(code["S3Key"])
