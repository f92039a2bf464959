"""The build context of the container's image: the repository's own files, nothing else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalogue.compute import ServingEngine
from falaj.errors import ConfigurationError
from infra.bundling.trees import copy_file, files_in, place, text_digest, tree_digest

DOCKERFILE: Final = "gpu_endpoints/Dockerfile"
PROVIDERS: Final = {ServingEngine.ONNX: "cpu", ServingEngine.OPENVINO: "openvino"}
"""What the container is told to compute on where it has no GPU."""
CONTEXT: Final = ("gpu_endpoints", "layers/runtime/python")
"""What the Dockerfile copies from, by paths from the repository's root.

The runtime's folder is the layer's own (`stage_runtime`): functions and containers run one tree.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedImage:
    """A build context on disk.

    Attributes:
        folder: What Docker is given.
        digest: Changes when anything in it does.
    """

    folder: Path
    digest: str


def image_arguments(engine: ServingEngine) -> dict[str, str]:
    """Return what the image is built with for a processor: its packages, and its provider.

    Example:
        >>> image_arguments(ServingEngine.OPENVINO)["REQUIREMENTS"]
        'requirements-openvino'
    """
    provider = PROVIDERS[engine]
    return {"REQUIREMENTS": f"requirements-{provider}", "PROVIDERS": provider}


def stage_image(repository: Path, build_root: Path) -> StagedImage:
    """Stage the image's build context, without Docker.

    Args:
        repository: The repository's root.
        build_root: `.build`.

    Raises:
        ConfigurationError: A folder of it is missing.
    """
    missing = [part for part in (*CONTEXT, DOCKERFILE) if not (repository / part).exists()]
    if missing:
        raise ConfigurationError(
            [f"{repository / part} is missing: the image is built from it" for part in missing]
        )
    digest = text_digest(*(tree_digest(repository / part) for part in CONTEXT))
    folder = build_root / "image" / digest[:16]

    def fill(partial: Path) -> None:
        for part in CONTEXT:
            for path in files_in(repository / part):
                copy_file(path, partial / path.relative_to(repository))

    place(folder, fill)
    return StagedImage(folder=folder, digest=digest)
