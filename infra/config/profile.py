"""The two profiles: what a small business and what a bank or hospital gets."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Profile(StrEnum):
    """A named set of choices."""

    SMB = "smb"
    ENTERPRISE = "enterprise"


class ApiKind(StrEnum):
    """Which of API Gateway's products fronts the models."""

    HTTP = "http"
    REST = "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """What a profile means.

    Attributes:
        api: HTTP API, or regional REST API.
        log_retention_days: Days that logs are kept; a value CloudWatch Logs knows.
        logs_use_customer_key: Whether logs and function settings are under the customer's KMS key
            (they are encrypted under an AWS key otherwise).
        object_lock: Whether model artefacts are write-once (S3 Object Lock).
        protect_stacks: Whether a stack refuses to be deleted until an operator lifts it.
        audit_trail: Whether every request leaves a record for auditors.
        isolated: Whether functions run in subnets without a way out.
    """

    api: ApiKind
    log_retention_days: int
    logs_use_customer_key: bool
    object_lock: bool
    protect_stacks: bool
    audit_trail: bool
    isolated: bool


PROFILES: Final = {
    Profile.SMB: ProfileSettings(
        api=ApiKind.HTTP,
        log_retention_days=30,
        logs_use_customer_key=False,
        object_lock=False,
        protect_stacks=False,
        audit_trail=False,
        isolated=False,
    ),
    Profile.ENTERPRISE: ProfileSettings(
        api=ApiKind.REST,
        log_retention_days=365,
        logs_use_customer_key=True,
        object_lock=True,
        protect_stacks=True,
        audit_trail=True,
        isolated=True,
    ),
}
