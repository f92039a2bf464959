"""Reading `cdk.out`: every template in it, with what the manifests say about its stack.

Source: the CDK's cloud assembly schema 55 (`manifest.json`, `<stack>.assets.json`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from falaj.errors import ConfigurationError
from policies.application import Stack

TEMPLATES: Final = "*.template.json"
_STACK: Final = "aws:cloudformation:stack"
_ACCOUNT: Final = "unknown-account"


def read_stacks(folder: Path) -> tuple[Stack, ...]:
    """Return every stack of an assembly, nested ones and nested assemblies included.

    A template that no manifest names (a nested stack's) is read as part of the region's stacks.

    Raises:
        ConfigurationError: There is no assembly, it holds no template, or one is no JSON.
    """
    if not (folder / "manifest.json").is_file():
        raise ConfigurationError(
            [f"{folder} holds no synthesized stacks; run `python app.py`, or name another folder"]
        )
    stacks = tuple(
        stack
        for manifest in sorted(folder.rglob("manifest.json"))
        for stack in _stacks(manifest.parent)
    )
    if not stacks:
        raise ConfigurationError([f"{folder} holds no template; synthesize again"])
    return stacks


def template_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every template of an assembly by its file's name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob(TEMPLATES))
    }


def _stacks(folder: Path) -> Iterable[Stack]:
    artifacts = _json(folder / "manifest.json").get("artifacts", {})
    if not any(artifact.get("type") == _STACK for artifact in artifacts.values()):
        return
    by_file = {
        artifact["properties"]["templateFile"]: (name, artifact)
        for name, artifact in artifacts.items()
        if artifact.get("type") == _STACK
    }
    for path in sorted(folder.glob(TEMPLATES)):
        name, artifact = by_file.get(path.name, (path.name.removesuffix(TEMPLATES[1:]), None))
        yield _stack(path, name, artifact)


def _stack(path: Path, name: str, artifact: Mapping[str, Any] | None) -> Stack:
    template = _json(path)
    if artifact is None:
        return Stack(name=name, region="", template=template, is_nested=True)
    properties = artifact["properties"]
    account, _, region = str(artifact.get("environment", "")).removeprefix("aws://").partition("/")
    return Stack(
        name=str(properties.get("stackName", name)),
        region=region,
        account=None if account in {"", _ACCOUNT} else account,
        template=template,
        tags=properties.get("tags", {}),
        assets=_destinations(path.with_name(f"{name}.assets.json")),
        is_protected=bool(properties.get("terminationProtection")),
    )


def _destinations(manifest: Path) -> tuple[Mapping[str, Any], ...]:
    if not manifest.is_file():
        return ()
    listed = _json(manifest)
    return tuple(
        {**destination, "path": str(entry.get("source", {}).get("path", ""))}
        for kind in ("files", "dockerImages")
        for entry in listed.get(kind, {}).values()
        for destination in entry.get("destinations", {}).values()
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigurationError([f"{path} is no JSON ({error}); synthesize again"]) from error
    return value if isinstance(value, dict) else {}
