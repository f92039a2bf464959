"""The `predict` function: its model is loaded, checked and warm before the first event.

`handler` is made when it is first named, which `functions/predict/handler.py` does while Lambda
initialises the environment. A model that is not what its manifest promises thus keeps the
environment from starting.
"""

import gc
import os
from typing import TYPE_CHECKING, Any, Final

from falaj import contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from falaj.capture.refusals import Refusals
    from falaj.config.settings import Settings
    from falaj.entrypoints.capturing import Capture
    from falaj.entrypoints.lambda_experiments import Experiments
    from falaj.entrypoints.shadow import Handler
    from falaj.errors import ArtefactError
    from falaj.http.service import Service

handler: "Handler"


def __getattr__(name: str) -> "Handler":
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["handler"] = _started()
    return made


def _started() -> "Handler":
    # Nothing made while starting is garbage: looking for some, now and at every later collection,
    # is time for nothing. Hence the imports here, where collection is off.
    gc.disable()
    try:
        from falaj.config.settings import Settings  # noqa: PLC0415
        from falaj.entrypoints.freed_memory import keep_freed_memory  # noqa: PLC0415
        from falaj.entrypoints.lambda_inference import LambdaInference  # noqa: PLC0415
        from falaj.entrypoints.serving import service_from_environment  # noqa: PLC0415
        from falaj.errors import ArtefactError  # noqa: PLC0415

        keep_freed_memory()
        settings = Settings.from_env()
        try:
            service = service_from_environment(settings)
        except ArtefactError as error:
            _tell(error, settings)
            raise
        parts = {
            name: make(settings, service)
            for name, (setting, make) in PARTS.items()
            if os.environ.get(setting)  # noqa: TID251 - read whole where it is made
        }
        made: Handler = LambdaInference(service, settings, **parts)
        for setting, wrap in AROUND:
            if os.environ.get(setting):  # noqa: TID251 - read whole where it is wrapped
                made = wrap(made, settings, service)
        return made
    finally:
        gc.freeze()
        gc.enable()


# Each imports what it needs, boto3 among it, where a template asks for it and nowhere else.


def _experiments(settings: "Settings", service: "Service") -> "Experiments":
    """Make what assigns subjects to arms."""
    from falaj.entrypoints.experiment_world import experiments_of  # noqa: PLC0415

    return experiments_of(settings, service)


def _capture(settings: "Settings", service: "Service") -> "Capture":
    """Make what tells auditors who asked."""
    from falaj.entrypoints.capture_world import capture_from  # noqa: PLC0415

    root = os.environ[contract.ENV_CAPTURE]  # noqa: TID251 - as in `_started`
    return capture_from(root, settings, service.clock)


def _guarded(handler: "Handler", settings: "Settings", service: "Service") -> "Handler":
    """Put the handler behind the check of who calls."""
    from falaj.entrypoints.guarded import guarded  # noqa: PLC0415

    del service
    capture: Capture | None = getattr(handler, "capture", None)
    if capture is None:
        return guarded(handler)
    recording = capture.recording

    def refusals() -> "Refusals":
        import sys  # noqa: PLC0415 - as below: for whoever is refused

        from falaj.capture.refusals import Refusals  # noqa: PLC0415

        told = {"release": settings.release, "model": settings.model_name}
        return Refusals(recording, sys.stdout.write, **told)

    return guarded(handler, refusals=refusals)


def _shadowed(handler: "Handler", settings: "Settings", service: "Service") -> "Handler":
    """Let the handler's answers be copied to a shadow."""
    from falaj.entrypoints.shadow import shadowed  # noqa: PLC0415

    return shadowed(handler, service, settings)


def _counted(handler: "Handler", settings: "Settings", service: "Service") -> "Handler":
    """Let what the handler answers be counted in the bins of a reference."""
    from falaj.entrypoints.drifting import counted  # noqa: PLC0415
    from falaj.errors import ArtefactError  # noqa: PLC0415

    try:
        return counted(handler, service, settings.model_root)
    except ArtefactError as error:
        _tell(error, settings)
        raise


PARTS: Final["dict[str, tuple[str, Callable[[Settings, Service], Any]]]"] = {
    "experiments": (contract.ENV_EXPERIMENTS, _experiments),
    "capture": (contract.ENV_CAPTURE, _capture),
}
"""What a handler may have, by argument: the variable that asks for it, and what makes it."""

AROUND: Final["tuple[tuple[str, Callable[[Handler, Settings, Service], Handler]], ...]"] = (
    (contract.ENV_ACCESS, _guarded),
    (contract.ENV_DRIFT, _counted),
    (contract.ENV_SHADOW_PARAMETER, _shadowed),
)
"""What a handler may be inside of, from the inside out: the variable that asks for it."""


def _tell(error: "ArtefactError", settings: "Settings") -> None:
    """Leave the line that the alarm on refused starts is fed from."""
    import sys  # noqa: PLC0415 - as below: no start that succeeds needs any of it

    from falaj.domain.clock import SystemClock  # noqa: PLC0415
    from falaj.telemetry.refusal import refusal_line  # noqa: PLC0415

    line = refusal_line(
        error, model=settings.model_name, release=settings.release, at=SystemClock().now()
    )
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
