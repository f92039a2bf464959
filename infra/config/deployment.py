"""One deployment: where it goes, in which profile, built for what."""

import difflib
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import urlsplit

from falaj.contract import REGION, WEBHOOK_KEY_PARAMETER
from falaj.domain.access import AccessMode
from falaj.domain.publisher import FINGERPRINT_MEND, is_fingerprint
from falaj.errors import ConfigurationError
from infra.config.batch import BatchPlace, read_buckets
from infra.config.edge import ApiName
from infra.config.gpu import GpuPlace
from infra.config.profile import PROFILES, ApiKind, Profile, ProfileSettings
from infra.config.region import RegionFacts
from infra.config.tokens import TokenIssuer

CONTEXT_PREFIX: Final = "falaj:"

LAMBDA_PYTHONS: Final = ("3.12", "3.13")
"""Lambda runtimes that can load the pinned wheels.

NumPy 2.4 and ONNX Runtime 1.31 are built for glibc 2.28. python3.11 runs on Amazon Linux 2 (glibc
2.26), where they fail at import; 3.12 and later run on Amazon Linux 2023 (glibc 2.34). pysimdjson
7.0 has no wheel for 3.14 yet.

Source:
    docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html (operating system by runtime) and the
    wheels' tags, read 2026-11-22.
"""
THROW_AWAY: Final = "throw-away"
"""As `publisherKey`: the building machine's own key is believed on AWS, too, and on purpose."""

CONCURRENCY_QUOTA: Final = 1000
"""Concurrent executions of an account and region by default; AWS raises it on request.

Source: docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, read 2026-11-22.
"""

HOST_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


class Platform(StrEnum):
    """What the zips are built for."""

    LAMBDA = "lambda"
    HOST = "host"


class Dashboards(StrEnum):
    """Which dashboards the stacks make, each including those before it."""

    NONE = "none"
    PLATFORM = "platform"
    MODELS = "models"


Access = AccessMode
"""What the API asks of a caller."""


def host_architecture() -> str:
    """Name this machine's instruction set as Lambda does."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def default_python(target: Platform) -> str:
    """Return the host's own version for the host, and the newest that fits for Lambda.

    On Lambda it does not follow the machine: two operators would undo each other's releases.
    """
    return HOST_PYTHON if target is Platform.HOST else LAMBDA_PYTHONS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Everything that may differ between two deployments of one catalogue.

    One deployment per account and region: an account is the wall between stages, and the SSM
    parameters that stacks share have fixed names.

    Attributes:
        profile: `smb` or `enterprise`.
        region: Always me-central-1; named so that another can be refused with its reason.
        account: Twelve digits, or None to let the CLI's credentials decide.
        stage: The REST API's stage and the value of the `falaj:stage` tag.
        platform: `lambda`, or `host`: the same stacks built for this machine's processor and
            Python, which is what the local region runs.
        python: Python of the functions; None takes the newest that fits.
        models: Names of the models to deploy; empty means all.
        access: `iam` (SigV4, deny by default), `jwt` (bearer tokens of one issuer) or `open`.
        cors_origins: Origins whose browsers may call the HTTP API.
        az_ids: Availability zone ids in use.
        concurrency_quota: Concurrent executions that the account allows in the region.
        webhook_url: Where the rollout controller posts its notices as well; empty for nowhere.
        publisher_key: Fingerprint of the key whose manifests functions believe; empty takes the
            throw-away key of the machine that builds, which is refused for Lambda unless
            `throw-away` is written (docs/decisions/0023).
        tenants: File of tenants' limits; empty for none.
        dashboards: Whether the platform and each model have a dashboard.
        docs_url: Where a copy of `docs` can be read, to which dashboards link; empty for nowhere.
        gpu: The network, name and certificate of GPU services.
        tokens: Whose tokens count, with `access=jwt`.
        api_name: The API's own name, and the certificates that callers must show there.
        batch: Which models answer batches, and in which buckets.
    """

    profile: Profile = Profile.SMB
    region: str = REGION
    account: str | None = None
    stage: str = "live"
    platform: Platform = Platform.LAMBDA
    python: str | None = None
    models: tuple[str, ...] = ()
    access: Access = Access.IAM
    cors_origins: tuple[str, ...] = ()
    az_ids: tuple[str, ...] = ("mec1-az1", "mec1-az2", "mec1-az3")
    concurrency_quota: int = CONCURRENCY_QUOTA
    webhook_url: str = ""
    publisher_key: str = ""
    tenants: str = ""
    dashboards: Dashboards = Dashboards.MODELS
    docs_url: str = ""
    gpu: GpuPlace = field(default_factory=GpuPlace)
    tokens: TokenIssuer = field(default_factory=TokenIssuer)
    api_name: ApiName = field(default_factory=ApiName)
    batch: BatchPlace = field(default_factory=BatchPlace)

    def __post_init__(self) -> None:
        faults = [fault for fault in (check(self) for check in _CHECKS) if fault]
        faults.extend(self.gpu.faults())
        faults.extend(self.batch.faults())
        faults.extend(_access_faults(self))
        faults.extend(self.api_name.faults(is_rest=self.is_rest))
        if faults:
            raise ConfigurationError(faults)

    @property
    def pinned_publisher(self) -> str:
        """The fingerprint that is pinned; empty where the building machine's own key signs."""
        return "" if self.publisher_key == THROW_AWAY else self.publisher_key

    @property
    def is_publisher_missing(self) -> bool:
        """Whether models would go to AWS under a key that nobody has chosen."""
        return self.platform is Platform.LAMBDA and not self.publisher_key

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Read the `falaj:*` keys of a CDK context (cdk.json, `-c key=value`).

        Raises:
            ConfigurationError: Every unknown key and refused value at once, each with its mend.
        """
        given = {
            key.removeprefix(CONTEXT_PREFIX): value
            for key, value in context.items()
            if key.startswith(CONTEXT_PREFIX)
        }
        faults, values = list[str](), {group: dict[str, Any]() for group in ("", *GROUPS)}
        for key, value in given.items():
            try:
                group = _group_of(key)
                name, read = (GROUPS[group][1] if group else SETTINGS)[key]
                values[group][name] = read(str(value))
            except KeyError:
                faults.append(_unknown(key))
            except ValueError as error:
                faults.append(f"{CONTEXT_PREFIX}{key}={value}: {error}")
        try:
            parts = {group: kind(**values[group]) for group, (kind, _) in GROUPS.items()}
            deployment = cls(**values[""], **parts)
        except ConfigurationError as error:
            raise ConfigurationError([*faults, *error.faults]) from None
        if faults:
            raise ConfigurationError(faults)
        return deployment

    @property
    def settings(self) -> ProfileSettings:
        """What the profile means."""
        return PROFILES[self.profile]

    @property
    def is_rest(self) -> bool:
        """Whether a REST API fronts the models."""
        return self.settings.api is ApiKind.REST

    @property
    def has_authorizer(self) -> bool:
        """Whether our own function checks tokens; before an HTTP API, API Gateway does."""
        return self.access is Access.JWT and self.is_rest

    @property
    def python_version(self) -> str:
        """The functions' Python, `3.13`."""
        return self.python or default_python(self.platform)

    @property
    def runtime(self) -> str:
        """Lambda's name for it, `python3.13`."""
        return f"python{self.python_version}"

    def architecture(self, declared: str) -> str:
        """Return the instruction set that a function declared so is built for."""
        return host_architecture() if self.platform is Platform.HOST else declared


def _choice(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            known = " or ".join(member.value for member in kind)
            raise ValueError(f"write {known}") from None

    return read


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("write a whole number")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


SETTINGS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "profile": ("profile", _choice(Profile)),
    "region": ("region", str),
    "account": ("account", str),
    "stage": ("stage", str),
    "platform": ("platform", _choice(Platform)),
    "python": ("python", str),
    "models": ("models", _names),
    "access": ("access", _choice(Access)),
    "corsOrigins": ("cors_origins", _names),
    "azIds": ("az_ids", _names),
    "concurrencyQuota": ("concurrency_quota", _count),
    "webhookUrl": ("webhook_url", str),
    "publisherKey": ("publisher_key", str),
    "tenants": ("tenants", str),
    "dashboards": ("dashboards", _choice(Dashboards)),
    "docsUrl": ("docs_url", str),
}

GPU_SETTINGS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "gpuDomain": ("domain", str),
    "gpuCertificate": ("certificate", str),
    "gpuCidr": ("cidr", str),
    "grpcClients": ("clients", _names),
    "gpuTrustBundle": ("trust_bundle", str),
    "gpuBaseImage": ("base_image", str),
    "tritonImage": ("triton_image", str),
}
"""Those that make a `GpuPlace`."""

TOKEN_SETTINGS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "jwtIssuer": ("issuer", str),
    "jwtAudience": ("audiences", _names),
    "jwtAlgorithms": ("algorithms", _names),
    "jwtTenantClaim": ("tenant_claim", str),
    "jwtSkew": ("skew_s", _count),
    "jwtKeys": ("keys", str),
}
"""Those that make a `TokenIssuer`."""

NAME_SETTINGS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "apiDomain": ("domain", str),
    "apiCertificate": ("certificate", str),
    "apiTrustStore": ("trust_store", str),
}
"""Those that make an `ApiName`."""

BATCH_SETTINGS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "batch": ("models", _names),
    "batchBuckets": ("buckets", read_buckets),
}
"""Those that make a `BatchPlace`."""

GROUPS: Final[dict[str, tuple[type, dict[str, tuple[str, Callable[[str], Any]]]]]] = {
    "gpu": (GpuPlace, GPU_SETTINGS),
    "tokens": (TokenIssuer, TOKEN_SETTINGS),
    "api_name": (ApiName, NAME_SETTINGS),
    "batch": (BatchPlace, BATCH_SETTINGS),
}
"""Settings that make a value of their own, by the deployment's field."""


def _group_of(key: str) -> str:
    return next((group for group, (_, settings) in GROUPS.items() if key in settings), "")


def _unknown(key: str) -> str:
    known = [*SETTINGS, *(key for _, settings in GROUPS.values() for key in settings)]
    near = difflib.get_close_matches(key, known, n=1)
    mend = f"did you mean {CONTEXT_PREFIX}{near[0]}?" if near else f"known: {', '.join(known)}"
    return f"unknown setting {CONTEXT_PREFIX}{key}; {mend}"


def _region_fault(deployment: Deployment) -> str | None:
    if deployment.region == REGION:
        return None
    return (
        f"region {deployment.region!r} is refused: Falaj promises that nothing leaves {REGION} "
        f"(UAE), and every check of its stacks is made for it; remove {CONTEXT_PREFIX}region"
    )


def _account_fault(deployment: Deployment) -> str | None:
    if deployment.account is None or re.fullmatch(r"\d{12}", deployment.account):
        return None
    return f"account {deployment.account!r} is not twelve digits; correct or remove it"


def _stage_fault(deployment: Deployment) -> str | None:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", deployment.stage):
        return None
    return f"stage {deployment.stage!r}: API Gateway takes 1 to 128 of A-Z, a-z, 0-9, _ and -"


def _python_fault(deployment: Deployment) -> str | None:
    if deployment.platform is Platform.HOST:
        if deployment.python_version == HOST_PYTHON:
            return None
        return (
            f"python {deployment.python} is refused with platform=host: this machine runs "
            f"{HOST_PYTHON}; remove {CONTEXT_PREFIX}python"
        )
    if deployment.python_version in LAMBDA_PYTHONS:
        return None
    known = " or ".join(LAMBDA_PYTHONS)
    reason = (
        "it runs on Amazon Linux 2 (glibc 2.26) and the pinned wheels need glibc 2.28"
        if deployment.python_version in {"3.10", "3.11"}
        else "the pinned wheels are not all built for it"
    )
    return f"python {deployment.python} is refused on Lambda: {reason}; write {known}"


def _cors_fault(deployment: Deployment) -> str | None:
    if not deployment.cors_origins or deployment.settings.api is ApiKind.HTTP:
        return None
    return (
        "corsOrigins is refused with profile=enterprise: a REST API has no such setting; "
        "serve browsers from a back end of your own, or use profile=smb"
    )


def _zones_fault(deployment: Deployment) -> str | None:
    known = RegionFacts.load().availability_zone_ids
    strange = [zone for zone in deployment.az_ids if zone not in known]
    if deployment.az_ids and not strange:
        return None
    what = f"zone ids {', '.join(strange)}" if strange else "an empty list of zones"
    return f"azIds: {what} unknown in {REGION}; it has {', '.join(known)} (ids, not names)"


def _way_out_fault(deployment: Deployment) -> str | None:
    if not deployment.webhook_url or not deployment.settings.isolated:
        return None
    return (
        "webhookUrl is refused with profile=enterprise: its functions have no way out of the "
        "network; subscribe to the notices' SNS topic (output NoticesTopic) instead"
    )


def _webhook_fault(deployment: Deployment) -> str | None:
    url = urlsplit(deployment.webhook_url)
    if not deployment.webhook_url or (url.scheme == "https" and url.hostname):
        return None
    return (
        f"webhookUrl {deployment.webhook_url!r}: write an https:// address, and the key that "
        f"signs what is posted into the SecureString {WEBHOOK_KEY_PARAMETER}"
    )


def _docs_fault(deployment: Deployment) -> str | None:
    url = urlsplit(deployment.docs_url)
    if not deployment.docs_url or (url.scheme in {"http", "https"} and url.hostname):
        return None
    return f"docsUrl {deployment.docs_url!r}: write the https:// address of a copy of docs/"


def _access_faults(deployment: Deployment) -> Iterator[str]:
    if deployment.access is Access.JWT:
        yield from deployment.tokens.faults(by_function=deployment.is_rest)
    elif deployment.tokens.is_given:
        yield "jwtIssuer, jwtAudience and jwtKeys take access=jwt; write it, or remove them"
    if deployment.tenants and deployment.access is Access.OPEN:
        yield "tenants are refused with access=open: nobody knows whose request it is"


def _publisher_fault(deployment: Deployment) -> str | None:
    key = deployment.publisher_key
    if key in {"", THROW_AWAY} or is_fingerprint(key):
        return None
    return f"publisherKey {key!r}: write {FINGERPRINT_MEND}, or {THROW_AWAY} for a trial"


_CHECKS: Final = (
    _region_fault,
    _account_fault,
    _stage_fault,
    _python_fault,
    _cors_fault,
    _zones_fault,
    _webhook_fault,
    _docs_fault,
    _way_out_fault,
    _publisher_fault,
)
