"""The process's own service, for callers that bring none."""

from functools import cache
from importlib import import_module
from typing import Final

from falaj.http.service import Service

COMPOSITION_ROOT: Final = "falaj.entrypoints.serving"


@cache
def default_service() -> Service:
    """The service that this process's environment describes, made when first asked for.

    What a process is made of is decided above this layer, so that module is found by name: this is
    the one place where an inner layer reaches outward, and only for a caller who passes no service.

    Raises:
        ConfigurationError: The environment is at fault.
        ArtefactError: There are no models, or they are not what their manifests promise.
    """
    service = import_module(COMPOSITION_ROOT).service_from_environment()
    if not isinstance(service, Service):
        raise TypeError(f"{COMPOSITION_ROOT} made a {type(service).__name__}")
    return service
