"""The `predict` function: its model is loaded, checked and warm before the first event.

`handler` is made when it is first named, which `functions/predict/handler.py` does while Lambda
initialises the environment. A model that is not what its manifest promises thus keeps the
environment from starting.
"""

from falaj.config.settings import Settings
from falaj.entrypoints.lambda_inference import LambdaInference
from falaj.entrypoints.serving import service_from_environment

handler: LambdaInference


def __getattr__(name: str) -> LambdaInference:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = Settings.from_env()
    made = LambdaInference(service_from_environment(settings), settings)
    globals()["handler"] = made
    return made
