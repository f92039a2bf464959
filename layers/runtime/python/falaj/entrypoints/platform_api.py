"""The platform's Lambda handler: FastAPI behind Mangum, the catalogue read once.

`handler` is made when it is first named, which `functions/platform_api/handler.py` does while
Lambda initialises the environment: the module itself can be imported where there is no catalogue.
"""

import asyncio
import sys
from functools import cache
from typing import TYPE_CHECKING, Final

from mangum import Mangum

from falaj.config.experiments import FeedbackSettings
from falaj.config.platform import PlatformSettings
from falaj.entrypoints.guarded import Handler, guarded
from falaj.http.envelope import Record
from falaj.http.experiments import AskAnalyst
from falaj.http.feedback import TakeFeedback
from falaj.http.platform_app import platform_app
from falaj.telemetry.emf import OutcomeLog

if TYPE_CHECKING:
    from falaj.aws.analyst import AnalystFunction

READ_S: Final = 28
"""For the analyst's answer: the gateway waits for 29 seconds."""

PLATFORM: Final = "(platform)"
"""What its metrics call it, as a model's are called by the model: no model can have the name."""

handler: Handler
"""Answers API Gateway's events, payload formats 1.0 and 2.0."""


def __getattr__(name: str) -> Handler:
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = PlatformSettings.from_env()
    log = OutcomeLog(
        model=PLATFORM,
        release=settings.release,
        level=settings.log_level,
        fixed={"service": PLATFORM, "function_name": settings.function_name},
    )
    record = Record(log, sys.stdout.write)
    app = platform_app(
        settings.models,
        release=settings.release,
        record=record,
        take_feedback=_feedback(),
        ask_analyst=_analyst(settings.analyst),
    )
    # Mangum asks for the current loop, for whose lack Python 3.12 and 3.13 warn.
    asyncio.set_event_loop(asyncio.new_event_loop())
    made = globals()["handler"] = guarded(Mangum(app, lifespan="off"))
    return made


def _feedback() -> TakeFeedback | None:
    """Return what keeps feedback; boto3 comes in only where there is somewhere to keep it."""
    settings = FeedbackSettings.from_env()
    if settings is None:
        return None
    import boto3  # noqa: PLC0415 - as said

    from falaj.aws.experiment_log import ExperimentLog  # noqa: PLC0415
    from falaj.aws.feedback_store import FeedbackStore  # noqa: PLC0415

    log = ExperimentLog(boto3.client("s3"), settings.bucket)
    return FeedbackStore(boto3.client("dynamodb"), settings.table, log).take


def _analyst(function: str) -> AskAnalyst | None:
    """Return who asks the analyst; its client is made by the first question."""
    if not function:
        return None

    @cache
    def analyst() -> "AnalystFunction":
        import boto3  # noqa: PLC0415 - as above
        from botocore.config import Config  # noqa: PLC0415

        from falaj.aws.analyst import AnalystFunction  # noqa: PLC0415

        # Asked once: an order that was sent again after a lost answer would be obeyed twice.
        patience = Config(read_timeout=READ_S, retries={"total_max_attempts": 1})
        return AnalystFunction(boto3.client("lambda", config=patience), function)

    return lambda event, model, experiment: analyst().ask(event, model, experiment)
