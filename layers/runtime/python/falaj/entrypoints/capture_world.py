"""Connects a function's capture to AWS: SSM holds tenants' keys."""

from collections.abc import Callable
from typing import Final

import boto3
from botocore.config import Config

from falaj.aws.capture_keys import CaptureKeys
from falaj.capture.recording import Keys, Recording
from falaj.capture.refusals import Refusals
from falaj.config.access import AccessSettings
from falaj.config.settings import Settings
from falaj.contract import ENV_CAPTURE, ENV_LOG_LEVEL
from falaj.domain.clock import Clock
from falaj.entrypoints.capturing import Capture
from falaj.errors import ConfigurationError

QUICK: Final = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})


def capture_from(root: str, settings: Settings, clock: Clock) -> Capture:
    """Make a function's capture; tenants' keys are known when it returns.

    SSM in the dark is no reason not to start: records say that nobody could be named.

    Args:
        root: Path of the parameters that hold keys.
        settings: The function's environment.
        clock: Tells when keys are old.

    Raises:
        ConfigurationError: The access settings are at fault, or lines that are not written could
            not be recorded either.
    """
    if settings.log_level not in {"DEBUG", "INFO"}:
        fault = (
            f"{ENV_LOG_LEVEL}={settings.log_level}: {ENV_CAPTURE} asks for a record of every "
            "request, which its line carries; write INFO"
        )
        raise ConfigurationError([fault])
    access = AccessSettings.from_env()
    return Capture(
        keys_at(root, clock),
        mode=access.mode,
        tenant_claim=access.tenant_claim,
        model=settings.model_name,
    )


def keys_at(root: str, clock: Clock) -> Keys:
    """Read tenants' keys; where SSM is dark, none are known yet.

    Args:
        root: Path of the parameters that hold keys.
        clock: Tells when keys are old.
    """
    return Keys(CaptureKeys(boto3.client("ssm", config=QUICK), root).ring, clock.now())


def refusals_at(
    root: str, clock: Clock, write: Callable[[str], object], *, model: str = ""
) -> Refusals:
    """Make what records refusals, in a function that records nothing else.

    Args:
        root: Path of the parameters that hold keys.
        clock: Tells when keys are old.
        write: Takes each line.
        model: Whose requests the function answers; empty where it answers for none.
    """
    return Refusals(Recording(keys_at(root, clock)), write, model=model)
