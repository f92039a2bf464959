"""The values that cross the Lambda service's boundary; all frozen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import orjson

from falaj.domain.clock import Clock
from local_region.lambda_service.names import check_function_name
from local_region.lambda_service.refusals import (
    ConstraintError,
    InvalidParameterValueError,
    enum_of,
)

InvocationType = Literal["RequestResponse", "Event", "DryRun"]
FunctionError = Literal["Handled", "Unhandled"]
ProvisionedStatus = Literal["IN_PROGRESS", "READY", "FAILED"]

# docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11-22.
MEMORY_MIB: Final = range(128, 10_240 + 1)
TIMEOUT_S: Final = range(1, 900 + 1)
EPHEMERAL_STORAGE_MIB: Final = range(512, 10_240 + 1)
LARGEST_ENVIRONMENT_BYTES: Final = 4096
MOST_LAYERS: Final = 5
ARCHITECTURES: Final = ("x86_64", "arm64")
RUNTIMES: Final = ("python3.11", "python3.12", "python3.13", "python3.14")
_ROLE_PATTERN: Final = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
_VARIABLE_PATTERN: Final = r"[a-zA-Z]([a-zA-Z0-9_])+"

# docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime,
# "Reserved environment variables", read 2026-11-22.
RESERVED_VARIABLES: Final = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSettings:
    """Everything a version freezes: code, layers and configuration.

    Args:
        name: Function name, at most 64 characters.
        code_folder: The unpacked code asset.
        layers: Unpacked layers, lowest first, each a folder that holds `python/`.
        memory_mib: 128 to 10 240.
        timeout_s: 1 to 900.
        ephemeral_storage_mib: 512 to 10 240; stated, not enforced locally.
        reserved_concurrency: The function's own share of the account's concurrency; it belongs to
        the
            function, not to a version, and is read only when the function is created.
        snap_start: Whether published versions ask for SnapStart.

    Raises:
        LambdaApiError: AWS would refuse the value, in AWS's words.
    """

    name: str
    code_folder: Path
    handler: str = "handler.handler"
    runtime: str = "python3.11"
    environment: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[Path, ...] = ()
    memory_mib: int = 128
    timeout_s: int = 3
    ephemeral_storage_mib: int = 512
    reserved_concurrency: int | None = None
    snap_start: bool = False
    role: str = "arn:aws:iam::000000000000:role/local"
    description: str = ""
    architecture: str = "x86_64"

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))
        check_function_name(self.name)
        _check_range(self.memory_mib, "memorySize", MEMORY_MIB)
        _check_range(self.timeout_s, "timeout", TIMEOUT_S)
        _check_range(self.ephemeral_storage_mib, "ephemeralStorage.size", EPHEMERAL_STORAGE_MIB)
        self._check_words()
        _check_environment(self.environment)

    def _check_words(self) -> None:
        if self.runtime not in RUNTIMES:
            raise InvalidParameterValueError(
                f"Value {self.runtime} at 'runtime' failed to satisfy constraint: "
                f"{enum_of(RUNTIMES)}"
            )
        if self.architecture not in ARCHITECTURES:
            raise ConstraintError(
                value=f"[{self.architecture}]",
                member="architectures",
                constraint=f"Member must satisfy constraint: [{enum_of(ARCHITECTURES)}, "
                "Member must not be null]",
            )
        if not re.fullmatch(_ROLE_PATTERN, self.role):
            raise ConstraintError(
                value=self.role,
                member="role",
                constraint=f"Member must satisfy regular expression pattern: {_ROLE_PATTERN}",
            )
        if not re.fullmatch(r"[^\s]{1,128}", self.handler):
            raise ConstraintError(
                value=self.handler,
                member="handler",
                constraint=r"Member must satisfy regular expression pattern: [^\s]+",
            )
        if len(self.layers) > MOST_LAYERS:
            raise InvalidParameterValueError(f"Cannot reference more than {MOST_LAYERS} layers.")


def _check_range(value: int, member: str, allowed: range) -> None:
    if value < allowed.start:
        bound = f"greater than or equal to {allowed.start}"
    elif value >= allowed.stop:
        bound = f"less than or equal to {allowed.stop - 1}"
    else:
        return
    raise ConstraintError(value=value, member=member, constraint=f"Member must have value {bound}")


def _check_environment(environment: Mapping[str, str]) -> None:
    for name in environment:
        if not re.fullmatch(_VARIABLE_PATTERN, name):
            raise ConstraintError(
                value=f"[{name}]",
                member="environment.variables",
                constraint="Map keys must satisfy constraint: [Member must satisfy regular "
                f"expression pattern: {_VARIABLE_PATTERN}]",
            )
    reserved = sorted(RESERVED_VARIABLES & environment.keys())
    if reserved:
        raise InvalidParameterValueError(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = orjson.dumps(dict(environment))
    if len(measured) > LARGEST_ENVIRONMENT_BYTES:
        raise InvalidParameterValueError(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. "
            f"String measured: {measured.decode()}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version, published or `$LATEST`, as GetFunctionConfiguration shows it.

    `settings.code_folder` and `settings.layers` lie in the service's own copy: what a version holds
    stays as it was when the source is edited.
    """

    function_name: str
    version: str
    arn: str
    settings: FunctionSettings
    code_sha256: str
    code_size: int
    revision_id: str
    last_modified: datetime
    opt_folder: Path
    """The layers, merged in order, as Lambda merges them into /opt."""


FunctionView = VersionView
"""A function is seen through its `$LATEST`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasView:
    """An alias, with the share of its one additional version, if any."""

    name: str
    function_name: str
    arn: str
    function_version: str
    weights: Mapping[str, float]
    description: str
    revision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedView:
    """Provisioned concurrency of one version or alias."""

    function_name: str
    qualifier: str
    arn: str
    requested: int
    allocated: int
    available: int
    status: ProvisionedStatus
    status_reason: str | None
    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig:
    """How asynchronous invocations of a function are retried.

    Args:
        maximum_retry_attempts: 0 to 2.
        maximum_event_age_s: 60 to 21 600.
    """

    maximum_retry_attempts: int = 2
    maximum_event_age_s: int = 21_600

    def __post_init__(self) -> None:
        _check_range(self.maximum_retry_attempts, "maximumRetryAttempts", range(3))
        _check_range(self.maximum_event_age_s, "maximumEventAgeInSeconds", range(60, 21_601))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a function's log, as it would reach CloudWatch Logs.

    `request_id` is empty for lines of the Init phase.
    """

    function: str
    version: str
    environment: str
    timestamp: datetime
    text: str
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeResult:
    """What an invocation answered.

    `status_code` is 200 even when the function failed (`function_error` then says so), 202 for an
    accepted event, 204 for a dry run, as the Invoke API has it. `log_tail` is the last 4 KB of the
    request's log.
    """

    status_code: int
    payload: bytes
    function_error: FunctionError | None
    executed_version: str
    log_tail: str
    request_id: str
    cold_start: bool = False
    init_ms: float = 0.0
    duration_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """What a function process meets before its handler: a program of ours that it runs first.

    A rehearsal tells processes its own time this way, and makes libraries misbehave. Handlers and
    layers stay as they are.

    Attributes:
        program: A Python file that needs the standard library alone; its `main` is called.
        variables: What it is told, as environment variables.
        clock: What processes take for the time, once it has run.
        speed: Seconds of theirs that pass in one of the machine's.
    """

    program: Path
    variables: Mapping[str, str]
    clock: Clock
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """One attempt to run a function, as its metrics see it.

    `qualifier` is None for the unqualified function, `executed_version` None when it was throttled.
    """

    function: str
    qualifier: str | None
    is_alias: bool
    executed_version: str | None
    request_id: str
    trace: str
    at: datetime
    duration_ms: float = 0.0
    is_cold: bool = False
    is_error: bool = False
    is_timeout: bool = False

    @property
    def is_throttled(self) -> bool:
        """Whether it was refused for want of concurrency, and nothing ran."""
        return self.executed_version is None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFailure:
    """An event that no attempt could process: what a dead-letter queue or destination receives.

    `condition` is AWS's word for it, `RetriesExhausted` or `EventAgeExceeded`.
    """

    function_arn: str
    request_id: str
    payload: bytes
    condition: Literal["RetriesExhausted", "EventAgeExceeded"]
    attempts: int
    last: InvokeResult | None
    at: datetime
