"""The `predict` function: its model is loaded, checked and warm before the first event.

`handler` is made when it is first named, which `functions/predict/handler.py` does while Lambda
initialises the environment. A model that is not what its manifest promises thus keeps the
environment from starting.
"""

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falaj.entrypoints.lambda_inference import LambdaInference

handler: "LambdaInference"


def __getattr__(name: str) -> "LambdaInference":
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["handler"] = _started()
    return made


def _started() -> "LambdaInference":
    # Nothing made while starting is garbage: looking for some, now and at every later collection,
    # is time for nothing. Hence the imports here, where collection is off.
    gc.disable()
    try:
        from falaj.config.settings import Settings  # noqa: PLC0415
        from falaj.entrypoints.lambda_inference import LambdaInference  # noqa: PLC0415
        from falaj.entrypoints.serving import service_from_environment  # noqa: PLC0415

        settings = Settings.from_env()
        service = service_from_environment(settings)
        if not settings.experiments:
            return LambdaInference(service, settings)
        from falaj.entrypoints.experiment_world import experiments_of  # noqa: PLC0415 - boto3

        return LambdaInference(service, settings, experiments=experiments_of(settings, service))
    finally:
        gc.freeze()
        gc.enable()
