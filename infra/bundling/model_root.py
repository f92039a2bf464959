"""A container's folder of models, with what says how they are served and who vouches for them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from catalogue.built import BuiltVersion
from catalogue.signing import key_file, signature_at
from catalogue.spec import ModelSpec, SequencePolicy
from catalogue.triton import CONFIG_FILE
from catalogue.triton_repository import triton_configs
from falaj.contract import (
    MANIFEST_FILE,
    MANIFEST_SIGNATURE_FILE,
    PUBLISHER_KEY_FILE,
    SERVING_FILE,
)
from falaj.domain.publisher import PublisherKey
from infra.bundling.functions import StagedCode
from infra.bundling.trees import copy_file, place, size_in_bytes, text_digest
from infra.packaging import PackagedModel

CACHE_BYTES: Final = 64 * 1024 * 1024


def serving_of(spec: ModelSpec, members: Iterable[str] = ()) -> dict[str, Any]:
    """Write `serving.json` from model.yaml: batching is off unless it is asked for.

    Registration's proof is asked twice: `catalogue.checks` refuses batching that is not safe when
    the stacks are made, and the container itself joins nothing that its manifest does not allow.
    An ensemble's members run within its batches, and join nothing of their own.
    """
    model: dict[str, Any] = {
        "batching": _batching(spec),
        "cache": {
            "enabled": spec.cache.enabled,
            "size_bytes": CACHE_BYTES,
            "ttl_s": spec.cache.ttl_s,
        },
        "timeout_s": spec.compute.timeout_s,
        **({"sequence": _sequence(spec.sequence, spec.states)} if spec.sequence else {}),
    }
    plain = {"batching": {"enabled": False}, "timeout_s": spec.compute.timeout_s}
    return {"models": {**dict.fromkeys(members, plain), spec.name: model}}


def _sequence(policy: SequencePolicy, states: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "state": [{"input": given, "output": made} for given, made in states],
        "max_sequences": policy.max_sequences,
        "idle_s": int(policy.idle.total_seconds()),
    }


def _batching(spec: ModelSpec) -> Mapping[str, Any]:
    policy = spec.batching
    if policy is None:
        return {"enabled": False, "instances": spec.compute.service.executions}
    return {
        "enabled": True,
        "max_batch_size": policy.max_batch_size,
        "max_queue_delay_microseconds": policy.max_queue_delay_microseconds,
        "preferred_batch_sizes": list(policy.preferred_batch_size),
        "max_queue_size": policy.max_queue_size,
        "instances": spec.compute.service.executions,
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
    settings = _settings(model, is_triton=is_triton)
    files = {PUBLISHER_KEY_FILE: key_file(build_root, publisher)}
    for version in model.held:
        files |= _version(version, publisher)
    manifests = [
        (version.folder / MANIFEST_FILE).read_text(encoding="utf-8") for version in model.held
    ]
    # A manifest holds its model's sha256: the large files need not be read.
    told = [text for pair in sorted(settings.items()) for text in pair]
    digest = text_digest(*told, publisher.fingerprint, *manifests)
    folder = build_root / "model-roots" / model.spec.name / digest[:16]

    def fill(partial: Path) -> None:
        for path, source in files.items():
            copy_file(source, partial / path)
        for path, text in settings.items():
            (partial / path).write_text(text, encoding="utf-8")

    place(folder, fill)
    return StagedCode(folder=folder, digest=digest, size_bytes=size_in_bytes(folder))


def _settings(model: PackagedModel, *, is_triton: bool) -> dict[str, str]:
    """Return the files that say how the model is served, by path."""
    manifests = [version.manifest for version in model.versions]
    members = [member.manifest for member in model.members]
    if is_triton:
        graphs = [v.model_path.read_bytes() for v in model.versions if v.manifest.is_ensemble]
        found = triton_configs(model.spec, manifests, members, graphs)
        return {f"{name}/{CONFIG_FILE}": text for name, text in found.items()}
    serving = serving_of(model.spec, sorted({member.name for member in members}))
    return {SERVING_FILE: json.dumps(serving, indent=1, sort_keys=True)}


def _version(version: BuiltVersion, publisher: PublisherKey) -> dict[str, Path]:
    folder = f"{version.manifest.name}/{version.manifest.version}"
    return {
        f"{folder}/{MANIFEST_FILE}": version.folder / MANIFEST_FILE,
        f"{folder}/{MANIFEST_SIGNATURE_FILE}": signature_at(version.folder, publisher),
        f"{folder}/{version.manifest.file}": version.model_path,
    }
