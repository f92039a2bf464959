"""A catalogue of small real models, and the assemblies synthesized from it, once a session."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from onnx import TensorProto, helper

from catalogue.signing import LocalSigner, sign
from falaj.contract import MANIFEST_FILE, MODEL_FILE
from falaj.domain.manifest import Manifest
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from infra.main import hand_context, synthesize
from infra.sources import Sources

# isort: split
# After infra, which names jsii's Node.
from aws_cdk import App

REPOSITORY = Path(__file__).parents[2]


def relu(name: str) -> bytes:
    """A model of one operator."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], name, [x], [y])
    opset = helper.make_opsetid("", 21)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10).SerializeToString()


@dataclass(frozen=True)
class Catalogue:
    """A catalogue under construction in a folder of its own."""

    sources: Sources

    def add(self, name: str, *, version: int = 1, built: bool = True, **settings: Any) -> None:
        """Write a model.yaml, and build its version."""
        entry = {"name": name, "description": f"{name}!", "owner": "tests", "version": version}
        folder = self.sources.models / name
        for number in (version, *settings.get("also_serve", ())):
            (folder / str(number)).mkdir(parents=True, exist_ok=True)
            if built:
                self.build(name, number)
        (folder / "model.yaml").write_text(yaml.safe_dump(entry | settings), encoding="utf-8")

    def build(self, name: str, version: int) -> None:
        """Put a version's bytes and manifest where the builder does."""
        data = relu(f"{name}-{version}")
        spec = {"datatype": Datatype.FP32, "shape": (-1, 4)}
        manifest = Manifest(
            name=name,
            version=version,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            signature=ModelSignature(
                inputs=(TensorSpec(name="x", **spec),), outputs=(TensorSpec(name="y", **spec),)
            ),
        )
        folder = self.sources.build / "models" / name / str(version)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).write_bytes(data)
        text = json.dumps(manifest.to_dict())
        (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
        sign(folder, LocalSigner(self.sources.build))


class Assembly:
    """A synthesized cdk.out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def template(self, stack: str) -> dict[str, Any]:
        """Return a stack's template."""
        return json.loads((self.folder / f"{stack}.template.json").read_bytes())

    @property
    def templates(self) -> dict[str, dict[str, Any]]:
        """Every template by its stack's name."""
        names = [path.name.removesuffix(".template.json") for path in self.template_files]
        return {name: self.template(name) for name in names}

    @property
    def template_files(self) -> list[Path]:
        """Every template's file."""
        return sorted(self.folder.glob("*.template.json"))

    def of_type(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """Return a stack's resources of one type by logical id."""
        resources = self.template(stack)["Resources"]
        return {id_: r for id_, r in resources.items() if r["Type"] == kind}

    def one(self, stack: str, kind: str) -> dict[str, Any]:
        """Return a stack's only resource of a type."""
        (resource,) = self.of_type(stack, kind).values()
        return resource

    def assets(self, stack: str) -> dict[str, Any]:
        """Return the files that a stack uploads."""
        return json.loads((self.folder / f"{stack}.assets.json").read_bytes())["files"]


def new_catalogue(root: Path) -> Catalogue:
    """Make an empty catalogue that shares the checkout's staged layers."""
    build = root / "build"
    build.mkdir(parents=True)
    layers = REPOSITORY / ".build" / "layers"
    layers.mkdir(parents=True, exist_ok=True)
    (build / "layers").symlink_to(layers)
    return Catalogue(Sources(repository=REPOSITORY, models=root / "models", build=build))


def synthesized(sources: Sources, outdir: Path, context: Mapping[str, Any]) -> Assembly:
    """Synthesize as `python app.py` does."""
    app = App(
        context=hand_context(REPOSITORY, context),
        outdir=str(outdir),
        builtin_cloud_formation_validation=False,
    )
    synthesize(app, sources)
    return Assembly(outdir)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """An empty catalogue."""
    return new_catalogue(tmp_path)


@pytest.fixture
def assemble(tmp_path: Path) -> Callable[..., Assembly]:
    """Synthesize a catalogue, each time into a folder of its own."""
    count = iter(range(100))

    def build(sources: Sources, **context: Any) -> Assembly:
        given = {f"falaj:{key}": value for key, value in context.items()}
        return synthesized(sources, tmp_path / f"out{next(count)}", given)

    return build


BATCH_CONTEXT = {
    "falaj:batch": "churn,file-type",
    "falaj:batchBuckets": (
        "rows-me-central-1,answers-me-central-1=00000000-0000-0000-0000-000000000002"
    ),
}
"""What an operator says to let two models answer batches."""


PROFILES = ("smb", "enterprise")


def in_both_profiles(
    catalogue: Catalogue, folder: Path, context: Mapping[str, Any] | None = None
) -> None:
    """Synthesize a catalogue as it is deployed to Lambda, in a folder for each profile."""
    for profile in PROFILES:
        asked = {"falaj:profile": profile, "falaj:platform": "lambda", **(context or {})}
        synthesized(catalogue.sources, folder / profile, asked)


@pytest.fixture(scope="session")
def assemblies(made_once: Callable[..., Path]) -> dict[str, Assembly]:
    """Both profiles of a catalogue of two models, as they are deployed to Lambda."""

    def make(root: Path) -> None:
        catalogue = new_catalogue(root)
        catalogue.add("churn", asynchronous={"result_days": 3})
        catalogue.add(
            "file-type",
            version=2,
            also_serve=[1],
            data_class="health",
            compute={"min_warm": 2, "reserved_concurrency": 5, "architecture": "x86_64"},
        )
        catalogue.add("snap", compute={"snap_start": True, "threads": 2})
        catalogue.add("twin", release={"plan": "shadow", "shadow_share": 0.5})
        in_both_profiles(catalogue, root)

    root = made_once("assemblies", make)
    return {profile: Assembly(root / profile) for profile in PROFILES}


GPU_CONTEXT = {
    "falaj:gpuDomain": "gpu.example.ae",
    "falaj:gpuCertificate": (
        "arn:aws:acm:me-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000001"
    ),
    "falaj:grpcClients": "10.9.0.0/16",
    "falaj:gpuTrustBundle": "s3://trust/clients.pem",
    "falaj:tritonImage": f"nvidia/triton@sha256:{'a' * 64}",
}
"""What an operator says before the first GPU model is deployed."""


def add_gpu_models(catalogue: Catalogue) -> None:
    """Add one model for each way in which a service can be made."""
    catalogue.add("vision", compute={"target": "gpu"})
    catalogue.add(
        "speech",
        compute={
            "target": "gpu",
            "fallback": "lambda",
            "timeout_s": 20,
            "gpu": {
                "scaling": {"to_zero": True, "idle": "10m"},
                "deployment": "rolling",
                "instances": {"max_replicas": 1},
            },
        },
    )
    catalogue.add(
        "search",
        compute={
            "target": "gpu",
            "engine": "triton",
            "gpu": {
                "deployment": "linear",
                "providers": ["tensorrt", "cuda"],
                "precision": "fp16",
                "executions": 2,
            },
        },
    )
    catalogue.add(
        "ranking",
        compute={
            "target": "container",
            "engine": "openvino",
            "fallback": "lambda",
            "container": {"vcpus": 2, "memory_gib": 4, "max_replicas": 3},
        },
    )


@pytest.fixture(scope="session")
def gpu_assemblies(made_once: Callable[..., Path]) -> dict[str, Assembly]:
    """Both profiles of a catalogue with GPU models, as they are deployed."""

    def make(root: Path) -> None:
        catalogue = new_catalogue(root)
        catalogue.add("churn")
        add_gpu_models(catalogue)
        in_both_profiles(catalogue, root, GPU_CONTEXT)

    root = made_once("gpu-assemblies", make)
    return {profile: Assembly(root / profile) for profile in PROFILES}


@pytest.fixture(params=["smb", "enterprise"])
def gpu(request: pytest.FixtureRequest, gpu_assemblies: dict[str, Assembly]) -> Assembly:
    """Each profile of it in turn."""
    return gpu_assemblies[request.param]


@pytest.fixture(params=["smb", "enterprise"])
def assembly(request: pytest.FixtureRequest, assemblies: dict[str, Assembly]) -> Assembly:
    """Each profile in turn."""
    return assemblies[request.param]


@pytest.fixture
def smb(assemblies: dict[str, Assembly]) -> Assembly:
    """The small business's."""
    return assemblies["smb"]


@pytest.fixture
def enterprise(assemblies: dict[str, Assembly]) -> Assembly:
    """The bank's."""
    return assemblies["enterprise"]


@pytest.fixture
def relu_file(tmp_path: Path) -> Path:
    """A model of one operator on disk."""
    path = tmp_path / "relu.onnx"
    path.write_bytes(relu("relu"))
    return path
