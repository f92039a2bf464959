"""Everything the protocol answers without running a model."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from falaj.domain.manifest import Manifest
from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.repository import ServedModel
from falaj.errors import FalajError, MalformedRequestError
from falaj.http.service import EXTENSIONS, SERVER_NAME, SERVER_VERSION, Service
from falaj.telemetry.statistics import Statistics

_ALONE: Final[Mapping[str, Any]] = MappingProxyType({"max_batch_size": 0})
_CONFIG_TYPES: Final = {Datatype.BYTES: "TYPE_STRING"}


def server_metadata() -> dict[str, Any]:
    """Write `$metadata_server_response`."""
    return {"name": SERVER_NAME, "version": SERVER_VERSION, "extensions": list(EXTENSIONS)}


def model_metadata(service: Service, name: str, version: str) -> dict[str, Any]:
    """Write `$metadata_model_response`; all versions are listed, whichever is asked for."""
    manifest = service.repository.manifest(name, version)
    signature = manifest.signature
    computed = service.scheduling.get((manifest.name, str(manifest.version)), _ALONE)
    return {
        "name": manifest.name,
        "versions": list(service.repository.versions(name)),
        "platform": computed.get("platform", manifest.platform),
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
    }


def model_config(service: Service, name: str, version: str) -> dict[str, Any]:
    """Write the model configuration extension's `$model_config` as far as it has meaning here.

    With a maximum batch size the sizes of tensors leave the batch out, as Triton's do.
    """
    manifest = service.repository.manifest(name, version)
    scheduling = service.scheduling.get((manifest.name, str(manifest.version)), _ALONE)
    return {
        "name": manifest.name,
        "platform": manifest.platform,
        "backend": "onnxruntime",
        **scheduling,
        "version_policy": {
            "specific": {"versions": [int(held) for held in service.repository.versions(name)]}
        },
        **_config_tensors(manifest.signature, rows=int(scheduling["max_batch_size"] > 0)),
    }


def model_ready(service: Service, name: str, version: str) -> dict[str, Any]:
    """Load the model if need be and say that it answers."""
    model = service.repository.model(name, version)
    return {"name": model.name, "ready": True}


def statistics(service: Service, name: str, version: str) -> dict[str, Any]:
    """Write `$stats_model_response` for one version, all versions or all models."""
    loaded = {(model.name, model.version): model for model in service.repository.loaded()}
    manifests = _selected(service, name, version)
    return {"model_stats": [_statistics(manifest, loaded) for manifest in manifests]}


def check_index_request(body: bytes) -> None:
    """Refuse a `$repository_index_request` that is none.

    Its `ready: true` leaves nothing out: every version listed is ready, loaded or about to be.

    Raises:
        MalformedRequestError: It is no object, or its `ready` no boolean.
    """
    try:
        asked = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"failed to parse the request JSON buffer: {error}") from error
    if type(asked) is not dict or type(asked.get("ready", False)) is not bool:
        raise MalformedRequestError('write {"ready": true}, {"ready": false} or no body')


def repository_index(service: Service) -> list[dict[str, str]]:
    """Write the repository index; a version not in memory is loaded when first asked for."""
    return [
        {"name": name, "version": version, "state": "READY", "reason": ""}
        for name in service.repository.names
        for version in service.repository.versions(name)
    ]


def is_ready(service: Service) -> bool:
    """Whether every model's default version loads."""
    try:
        for name in service.repository.names:
            service.repository.model(name)
    except FalajError:
        return False
    return True


def _selected(service: Service, name: str, version: str) -> list[Manifest]:
    repository = service.repository
    if version:
        return [repository.manifest(name, version)]
    names = (name,) if name else repository.names
    return [repository.manifest(one, each) for one in names for each in repository.versions(one)]


def _statistics(manifest: Manifest, loaded: dict[tuple[str, str], ServedModel]) -> dict[str, Any]:
    version = str(manifest.version)
    model = loaded.get((manifest.name, version))
    held = model.statistics if model else Statistics()
    return held.to_dict(name=manifest.name, version=version)


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


def _config_tensors(signature: ModelSignature, *, rows: int) -> dict[str, Any]:
    return {"input": _config(signature.inputs, rows), "output": _config(signature.outputs, rows)}


def _config(specs: tuple[TensorSpec, ...], rows: int) -> list[dict[str, Any]]:
    return [
        {
            "name": spec.name,
            "data_type": _CONFIG_TYPES.get(spec.datatype, f"TYPE_{spec.datatype}"),
            "dims": list(spec.shape[rows:]),
        }
        for spec in specs
    ]
