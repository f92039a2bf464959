"""Promise: a version's bytes are in its function's code, or under a key that holds their digest."""

import json
from pathlib import Path

import pytest

from catalogue.signing import LocalSigner, remember_key
from falaj.contract import ENV_MODEL_S3_PREFIX
from falaj.domain.published import PublishedModel
from falaj.errors import ConfigurationError
from infra.config.deployment import Deployment
from infra.packaging import package_model, package_platform, read_models
from infra.sources import Sources
from infra.stacks.model import ModelStack

# isort: split
from aws_cdk import App


def packaged(sources: Sources, *, room_bytes: int):
    """Package the only model of a catalogue."""
    (model,) = read_models(sources.models, sources.build)
    remember_key(sources.build, LocalSigner(sources.build).key)
    return package_model(
        model,
        publisher=LocalSigner(sources.build).key,
        handler_folder=sources.function("predict"),
        build_root=sources.build,
        room_bytes=room_bytes,
    )


def files_of(folder: Path) -> list[str]:
    """Name every file below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_bytes_that_fit_are_part_of_the_code(catalogue):
    """All versions that the function holds, in Triton's layout."""
    catalogue.add("churn", version=2, also_serve=[1])
    package = packaged(catalogue.sources, room_bytes=10_000)

    assert (files_of(package.code.folder), package.far_prefix) == (
        [
            "handler.py",
            "models/churn/1/manifest.json",
            "models/churn/1/manifest.sig",
            "models/churn/1/model.onnx",
            "models/churn/2/manifest.json",
            "models/churn/2/manifest.sig",
            "models/churn/2/model.onnx",
            "models/publisher.der",
        ],
        "",
    )


def test_bytes_that_do_not_fit_stay_out_of_the_code(catalogue):
    """The signed manifest, against which they are checked, is always packaged."""
    catalogue.add("churn")
    package = packaged(catalogue.sources, room_bytes=100)

    assert files_of(package.code.folder) == [
        "handler.py",
        "models/churn/1/manifest.json",
        "models/churn/1/manifest.sig",
        "models/publisher.der",
    ]


def test_far_bytes_are_uploaded_where_the_function_looks(catalogue, tmp_path):
    """And the function may read exactly these."""
    catalogue.add("churn", version=2, also_serve=[1])
    package = packaged(catalogue.sources, room_bytes=100)
    app = App(outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
    stack = ModelStack(app, "S", deployment=Deployment(), package=package, layers=())
    app.synth()
    template = json.loads((tmp_path / "out" / "S.template.json").read_bytes())
    files = json.loads((tmp_path / "out" / "S.assets.json").read_bytes())["files"]
    uploaded = {
        destination["objectKey"]: (tmp_path / "out" / file["source"]["path"]).read_bytes()
        for file in files.values()
        for destination in file["destinations"].values()
        if file["source"]["path"].endswith(".onnx")
    }
    prefix = package.far_prefix
    (function,) = (
        r["Properties"] for r in template["Resources"].values() if "Handler" in r["Properties"]
    )

    assert stack.stack_name == "S"
    assert uploaded == {
        f"{prefix}/churn/{version.manifest.version}/model.onnx": version.model_path.read_bytes()
        for version in package.model.versions
    }
    assert json.dumps(function["Environment"]["Variables"][ENV_MODEL_S3_PREFIX]) == json.dumps(
        {
            "Fn::Join": [
                "",
                [
                    "s3://",
                    {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-me-central-1"},
                    f"/{prefix}",
                ],
            ]
        }
    )
    assert "s3:GetObject" in json.dumps(template)


def test_other_far_bytes_are_another_prefix(catalogue):
    """A retained version keeps finding the bytes it was published with."""
    catalogue.add("churn")
    first = packaged(catalogue.sources, room_bytes=100).far_prefix
    catalogue.add("churn", version=2)
    second = packaged(catalogue.sources, room_bytes=100).far_prefix

    assert first != second


def test_every_version_that_is_not_built_is_named(catalogue):
    """One run tells all that is to be built, and how."""
    catalogue.add("churn", built=False)
    catalogue.add("tashkeel", version=3, also_serve=[1], built=False)

    with pytest.raises(ConfigurationError) as caught:
        read_models(catalogue.sources.models, catalogue.sources.build)

    named = [fault.split(" is not built")[0] for fault in caught.value.faults]
    assert named == [
        "model 'churn' version 1",
        "model 'tashkeel' version 3",
        "model 'tashkeel' version 1",
    ]
    assert all("falaj models build" in fault for fault in caught.value.faults)


def test_the_platform_function_gets_the_published_catalogue(catalogue):
    """What the API tells is what was built."""
    catalogue.add("churn", version=2, also_serve=[1])
    models = read_models(catalogue.sources.models, catalogue.sources.build)
    code = package_platform(
        models,
        handler_folder=catalogue.sources.function("platform_api"),
        build_root=catalogue.sources.build,
        access='{"mode":"iam"}',
    )
    (entry,) = json.loads((code.folder / "catalogue.json").read_text())
    published = PublishedModel.from_dict(entry)

    assert (published.name, published.version, published.versions) == ("churn", 2, (2, 1))
    assert published.signature.inputs[0].shape == (-1, 4)


def test_a_stateful_models_own_tensors_are_not_published(catalogue):
    """Callers neither send the state nor get it: the container keeps it between their requests."""
    alone = {"instances": {"max_replicas": 1}, "deployment": "rolling"}
    compute = {"target": "gpu", "gpu": alone}
    catalogue.add("talk", compute=compute, sequence={"state": ["x=y"]})
    (model,) = read_models(catalogue.sources.models, catalogue.sources.build)

    assert (model.published.signature.inputs, model.published.signature.outputs) == ((), ())
    assert [item.name for item in model.default.manifest.signature.inputs] == ["x"]
