"""The `predict` function: its model is loaded, checked and warm before the first event.

`handler` is made when it is first named, which `functions/predict/handler.py` does while Lambda
initialises the environment. A model that is not what its manifest promises thus keeps the
environment from starting.
"""

import gc
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falaj.config.settings import Settings
    from falaj.entrypoints.capturing import Capture
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
        from falaj.contract import ENV_ACCESS, ENV_SHADOW_PARAMETER  # noqa: PLC0415
        from falaj.entrypoints.lambda_inference import LambdaInference  # noqa: PLC0415
        from falaj.entrypoints.serving import service_from_environment  # noqa: PLC0415
        from falaj.errors import ArtefactError  # noqa: PLC0415

        settings = Settings.from_env()
        try:
            service = service_from_environment(settings)
        except ArtefactError as error:
            _tell(error, settings)
            raise
        experiments = None
        if settings.experiments:
            from falaj.entrypoints.experiment_world import experiments_of  # noqa: PLC0415 - boto3

            experiments = experiments_of(settings, service)
        made: Handler = LambdaInference(
            service, settings, experiments=experiments, capture=_capture(settings, service)
        )
        if os.environ.get(ENV_ACCESS):  # noqa: TID251 - read whole where it is set
            from falaj.entrypoints.guarded import guarded  # noqa: PLC0415 - where someone is asked

            made = guarded(made)
        if not os.environ.get(ENV_SHADOW_PARAMETER):  # noqa: TID251 - read whole where it is set
            return made
        from falaj.entrypoints.shadow import shadowed  # noqa: PLC0415 - with such a plan only

        return shadowed(made, service, settings)
    finally:
        gc.freeze()
        gc.enable()


def _capture(settings: "Settings", service: "Service") -> "Capture | None":
    """Make what tells auditors who asked, where the environment asks for it."""
    from falaj.contract import ENV_CAPTURE  # noqa: PLC0415 - as above

    if not (root := os.environ.get(ENV_CAPTURE)):  # noqa: TID251 - read whole where it is set
        return None
    from falaj.entrypoints.capture_world import capture_from  # noqa: PLC0415 - boto3

    return capture_from(root, settings, service.clock)


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
