"""A container's folder of models, with what says how they are served and who vouches for them."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from catalogue.building import BuiltVersion
from catalogue.signing import key_file, signature_at
from catalogue.spec import ModelSpec, SequencePolicy
from catalogue.triton import CONFIG_FILE, triton_config
from falaj.contract import (
    MANIFEST_FILE,
    MANIFEST_SIGNATURE_FILE,
    MODEL_FILE,
    PUBLISHER_KEY_FILE,
    SERVING_FILE,
)
from falaj.domain.publisher import PublisherKey
from infra.bundling.functions import StagedCode
from infra.bundling.trees import copy_file, move_into_place, size_in_bytes, text_digest
from infra.packaging import PackagedModel

CACHE_BYTES: Final = 64 * 1024 * 1024


def serving_of(spec: ModelSpec) -> dict[str, Any]:
    """Write `serving.json` from model.yaml: batching is off unless it is asked for.

    Registration's proof is asked twice: `catalogue.checks` refuses batching that is not safe when
    the stacks are made, and the container itself joins nothing that its manifest does not allow.
    """
    model: dict[str, Any] = {
        "batching": _batching(spec),
        "cache": {"enabled": spec.cache.enabled, "size_bytes": CACHE_BYTES},
        "timeout_s": spec.compute.timeout_s,
        **({"sequence": _sequence(spec.sequence, spec.states)} if spec.sequence else {}),
    }
    return {"models": {spec.name: model}}


def _sequence(policy: SequencePolicy, states: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "state": [{"input": given, "output": made} for given, made in states],
        "max_sequences": policy.max_sequences,
        "idle_s": int(policy.idle.total_seconds()),
    }


def _batching(spec: ModelSpec) -> Mapping[str, Any]:
    policy = spec.batching
    if policy is None:
        return {"enabled": False, "instances": spec.compute.gpu.executions}
    return {
        "enabled": True,
        "max_batch_size": policy.max_batch_size,
        "max_queue_delay_microseconds": policy.max_queue_delay_microseconds,
        "preferred_batch_sizes": list(policy.preferred_batch_size),
        "max_queue_size": policy.max_queue_size,
        "instances": spec.compute.gpu.executions,
    }


def stage_model_root(
    model: PackagedModel, publisher: PublisherKey, build_root: Path, *, is_triton: bool = False
) -> StagedCode:
    """Stage `<name>/<version>/{model.onnx,manifest.json,manifest.sig}`, key and settings.

    The settings are `serving.json` for our container and `<name>/config.pbtxt` for Triton, whose
    repository has the same layout and pays no heed to what else lies there.

    Args:
        model: The model.
        publisher: Whose signatures the container will believe.
        is_triton: Whether NVIDIA's server serves it.
        build_root: `.build`.

    Raises:
        ManifestNotSignedError: The publisher did not sign a version's manifest.
        ConfigurationError: Triton cannot serve the model as it is declared.
    """
    name, settings = _settings(model, is_triton=is_triton)
    files = {PUBLISHER_KEY_FILE: key_file(build_root, publisher)}
    for version in model.versions:
        files |= _version(version, f"{model.spec.name}/{version.manifest.version}", publisher)
    manifests = [
        (version.folder / MANIFEST_FILE).read_text(encoding="utf-8") for version in model.versions
    ]
    # A manifest holds its model's sha256: the large files need not be read.
    digest = text_digest(name, settings, publisher.fingerprint, *manifests)
    folder = build_root / "model-roots" / model.spec.name / digest[:16]
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        for path, source in files.items():
            copy_file(source, partial / path)
        (partial / name).write_text(settings, encoding="utf-8")
        move_into_place(partial, folder)
    return StagedCode(folder=folder, digest=digest, size_bytes=size_in_bytes(folder))


def _settings(model: PackagedModel, *, is_triton: bool) -> tuple[str, str]:
    """Return the file that says how the model is served, by its path and with its text."""
    if is_triton:
        manifests = [version.manifest for version in model.versions]
        return f"{model.spec.name}/{CONFIG_FILE}", triton_config(model.spec, manifests)
    return SERVING_FILE, json.dumps(serving_of(model.spec), indent=1, sort_keys=True)


def _version(version: BuiltVersion, folder: str, publisher: PublisherKey) -> dict[str, Path]:
    return {
        f"{folder}/{MANIFEST_FILE}": version.folder / MANIFEST_FILE,
        f"{folder}/{MANIFEST_SIGNATURE_FILE}": signature_at(version.folder, publisher),
        f"{folder}/{MODEL_FILE}": version.model_path,
    }
