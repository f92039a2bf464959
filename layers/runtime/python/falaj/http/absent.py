"""What Triton's clients may ask for and nobody serves here, with what to do instead.

Source:
    github.com/triton-inference-server/server, docs/protocol/: extension_shared_memory.md,
    extension_trace.md, extension_logging.md, extension_generate.md, extension_model_repository.md.
"""

from typing import Final, NamedTuple

from falaj.errors import (
    FalajError,
    ImmutableRepositoryError,
    UnknownRouteError,
    UnsupportedExtensionError,
)


class Absent(NamedTuple):
    """An extension, and what to do without it."""

    name: str
    mend: str

    def error(self) -> UnsupportedExtensionError:
        """Say so."""
        return UnsupportedExtensionError(name=self.name, mend=self.mend)


_SETTINGS: Final = "settings are a release's own: change its model.yaml and deploy"
_SHARED: Final = Absent("shared memory", "send tensors in the request")
_TRACE: Final = Absent("the trace extension", _SETTINGS)
_LOGGING: Final = Absent("the logging extension", _SETTINGS)
_GENERATE: Final = Absent("the generate extension", "ask /infer")

PATHS: Final = {
    "systemsharedmemory": _SHARED,
    "cudasharedmemory": _SHARED,
    "trace": _TRACE,
    "logging": _LOGGING,
    "generate": _GENERATE,
    "generate_stream": _GENERATE,
}
"""By the first part of a path after `/v2`, or after a model's name and version."""

METHODS: Final = {
    "SystemSharedMemoryStatus": _SHARED,
    "SystemSharedMemoryRegister": _SHARED,
    "SystemSharedMemoryUnregister": _SHARED,
    "CudaSharedMemoryStatus": _SHARED,
    "CudaSharedMemoryRegister": _SHARED,
    "CudaSharedMemoryUnregister": _SHARED,
    "TraceSetting": _TRACE,
    "LogSettings": _LOGGING,
}
"""By the method of `inference.GRPCInferenceService`."""

_REPOSITORY: Final = ["v2", "repository", "models"]


def absent(path: str) -> FalajError:
    """Say why there is no such path.

    Example:
        >>> str(absent("/v2/models/vision/versions/1/trace/setting"))[:40]
        'the trace extension is not supported; se'
    """
    parts = path.strip("/").split("/")
    if parts[:3] == _REPOSITORY and parts[4:] in (["load"], ["unload"]):
        return ImmutableRepositoryError(parts[3])
    rest = parts[1:]
    if rest[:1] == ["models"]:
        rest = rest[4:] if rest[2:3] == ["versions"] else rest[2:]
    found = PATHS.get(rest[0]) if rest and parts[0] == "v2" else None
    return UnknownRouteError(path) if found is None else found.error()
