"""SnapStart: checked as AWS checks it, not emulated; every local environment starts afresh."""

from typing import Final

from local_region.lambda_service.refusals import InvalidParameterValueError
from local_region.lambda_service.values import FunctionSettings

# docs.aws.amazon.com/lambda/latest/dg/snapstart.html, "Supported features and limitations", read
# 2026-11-22: Python 3.12 and later; no provisioned concurrency, EFS or /tmp above 512 MB.
SNAP_START_RUNTIMES: Final = ("python3.12", "python3.13", "python3.14")
SNAP_START_STORAGE_MIB: Final = 512


def check_snap_start(settings: FunctionSettings) -> None:
    """Refuse SnapStart where Lambda does not offer it.

    Source:
        docs.aws.amazon.com/lambda/latest/dg/snapstart.html; wording of the first from
        aws-samples/bedrock-chat issue 617, the second is ours.
    """
    if not settings.snap_start:
        return
    if settings.runtime not in SNAP_START_RUNTIMES:
        raise InvalidParameterValueError(
            f"{settings.runtime} is not supported for SnapStart enabled functions."
        )
    if settings.ephemeral_storage_mib > SNAP_START_STORAGE_MIB:
        raise InvalidParameterValueError(
            f"Ephemeral storage above {SNAP_START_STORAGE_MIB} MB is not supported for SnapStart "
            "enabled functions."
        )
