"""`cdk.out` as data: stacks in the order of their dependencies, and the files they name.

Source:
    The cloud assembly schema, github.com/aws/aws-cdk-cli, packages/@aws-cdk/cloud-assembly-schema
    (`manifest.json`, artifact types `aws:cloudformation:stack`, `cdk:asset-manifest`,
    `cdk:cloud-assembly`; `<stack>.assets.json`), read 2026-11-22.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Final, Self

from local_region.errors import AssemblyError, AssetError

MANIFEST: Final = "manifest.json"
_STACK: Final = "aws:cloudformation:stack"
_ASSETS: Final = "cdk:asset-manifest"
_NESTED: Final = "cdk:cloud-assembly"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAsset:
    """A file or folder that `cdk deploy` would upload.

    Attributes:
        path: Where it lies in the assembly.
        packaging: `zip` for a folder that is zipped on upload, `file` for a file sent as it is.
        bucket: Destination bucket, with CloudFormation placeholders.
        key: Destination object key, by which templates name it.
    """

    path: Path
    packaging: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAsset:
    """A container image that `cdk deploy` would build.

    Attributes:
        path: Its build context in the assembly.
        dockerfile: Its Dockerfile, relative to the context.
        arguments: Build arguments.
    """

    path: Path
    dockerfile: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One synthesized stack: its template, the assets of its manifest by object key or tag."""

    name: str
    region: str
    template: Mapping[str, Any]
    assets: Mapping[str, FileAsset]
    images: Mapping[str, ImageAsset] = field(default_factory=dict)

    def asset(self, key: str) -> FileAsset:
        """Find the asset that a template names by its object key.

        Raises:
            AssetError: The stack's asset manifest has none, or the file is gone.
        """
        found = self.assets.get(key)
        if found is None:
            raise AssetError(
                stack=self.name, name=key, reason="is in no asset manifest; synthesize again"
            )
        if not found.path.exists():
            raise AssetError(
                stack=self.name, name=key, reason=f"is missing at {found.path}; synthesize again"
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A synthesized application: its stacks, dependencies first."""

    path: Path
    stacks: tuple[Stack, ...]

    @classmethod
    def read(cls, cdk_out: Path) -> Self:
        """Read `cdk.out`.

        Raises:
            AssemblyError: It is missing, unreadable, holds no stack, or its stacks depend on each
                other in a circle.
        """
        if not (cdk_out / MANIFEST).is_file():
            raise AssemblyError(cdk_out, "no synthesized stacks here; run `python app.py` first")
        stacks = tuple(_stacks(cdk_out))
        if not stacks:
            raise AssemblyError(cdk_out, "the assembly holds no stack")
        return cls(path=cdk_out, stacks=stacks)


def _stacks(folder: Path) -> Iterator[Stack]:
    artifacts = _json(folder / MANIFEST).get("artifacts", {})
    assets: dict[str, dict[str, FileAsset]] = {
        name: _read_assets(folder / artifact["properties"]["file"])
        for name, artifact in artifacts.items()
        if artifact["type"] == _ASSETS
    }
    images = {
        name: _read_images(folder / artifact["properties"]["file"])
        for name, artifact in artifacts.items()
        if artifact["type"] == _ASSETS
    }
    for name in _in_order(folder, artifacts):
        artifact = artifacts[name]
        if artifact["type"] == _NESTED:
            yield from _stacks(folder / artifact["properties"]["directoryName"])
        elif artifact["type"] == _STACK:
            properties = artifact["properties"]
            yield Stack(
                name=properties.get("stackName", name),
                region=artifact.get("environment", "").rpartition("/")[2],
                template=_json(folder / properties["templateFile"]),
                assets={
                    key: asset
                    for dependency in artifact.get("dependencies", ())
                    for key, asset in assets.get(dependency, {}).items()
                },
                images={
                    tag: image
                    for dependency in artifact.get("dependencies", ())
                    for tag, image in images.get(dependency, {}).items()
                },
            )


def _in_order(folder: Path, artifacts: Mapping[str, Any]) -> list[str]:
    graph = {
        name: [other for other in artifact.get("dependencies", ()) if other in artifacts]
        for name, artifact in artifacts.items()
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise AssemblyError(folder, f"stacks depend on each other in a circle: {circle}") from error


def _read_assets(manifest: Path) -> dict[str, FileAsset]:
    return {
        destination["objectKey"]: FileAsset(
            path=manifest.parent / entry["source"]["path"],
            packaging=entry["source"].get("packaging", "file"),
            bucket=destination["bucketName"],
            key=destination["objectKey"],
        )
        for entry in _json(manifest).get("files", {}).values()
        if "path" in entry["source"]
        for destination in entry["destinations"].values()
    }


def _read_images(manifest: Path) -> dict[str, ImageAsset]:
    return {
        destination["imageTag"]: ImageAsset(
            path=manifest.parent / entry["source"]["directory"],
            dockerfile=entry["source"].get("dockerFile", "Dockerfile"),
            arguments=entry["source"].get("dockerBuildArgs", {}),
        )
        for entry in _json(manifest).get("dockerImages", {}).values()
        if "directory" in entry["source"]
        for destination in entry["destinations"].values()
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise AssemblyError(path, "is missing; synthesize again") from error
    except ValueError as error:
        raise AssemblyError(path, f"is no JSON ({error}); synthesize again") from error
    if not isinstance(value, dict):
        raise AssemblyError(path, "is no JSON object; synthesize again")
    return value
