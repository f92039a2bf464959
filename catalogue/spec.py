"""One catalogue entry as frozen values, named by model.yaml's keys."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from catalogue.compute import Architecture, Compute, Fallback, ServingEngine, Target
from catalogue.release import GuardSettings, ReleasePlan
from catalogue.service import Deployment
from catalogue.settings import Pattern, Range, fault_if, refuse_unless_valid
from catalogue.watching import DriftPolicy
from falaj.domain.claims import TENANT
from falaj.domain.plan import OnInconclusive, OnLoss, OnWin, PlanKind
from falaj.domain.verdict import Objective

__all__ = [
    "Access",
    "Architecture",
    "AsynchronousPolicy",
    "BatchingPolicy",
    "CachePolicy",
    "Compute",
    "DataClass",
    "DriftPolicy",
    "Fallback",
    "GuardSettings",
    "ModelSpec",
    "Objective",
    "OnInconclusive",
    "OnLoss",
    "OnWin",
    "PlanKind",
    "ReleasePlan",
    "Risk",
    "SequencePolicy",
    "ServingEngine",
    "Target",
]

NAME = Pattern(
    r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
    "a DNS label: 1 to 63 of a-z, 0-9 and -, a letter first, no - at the end (RFC 1035)",
)
SCOPE = Pattern(
    r"[\x21\x23-\x5b\x5d-\x7e]+",
    "a scope: printable ASCII without space, quote and backslash (RFC 6749, section 3.3)",
)
TENANT_NAME = Pattern(
    TENANT.pattern, "a tenant: 1 to 63 of A-Z, a-z, 0-9, . _ and -, a letter or digit first"
)
STATE = Pattern(
    r"[^=\s]+=[^=\s]+", "an input and the output that becomes it: h0=hn, without spaces"
)
TEXT = Pattern(r"\s*\S[\s\S]*", "a word or a sentence")


class Risk(StrEnum):
    """How much harm a wrong answer can do."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class DataClass(StrEnum):
    """How what the model is shown must be protected."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    HEALTH = "health"
    FINANCIAL = "financial"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingPolicy:
    """How the container joins requests, by Triton's names; off unless it is written."""

    max_batch_size: Annotated[int, Range(1, 4096), "Most rows in one run."] = 32
    max_queue_delay_microseconds: Annotated[
        int, Range(0, 1_000_000), "Longest wait for company."
    ] = 2000
    preferred_batch_size: Annotated[
        tuple[int, ...], Range(1, 4096), "Sizes at which a batch leaves at once."
    ] = ()
    max_queue_size: Annotated[
        int, Range(1), "Waiting requests beyond which new ones get a 503."
    ] = 1024

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self,
            fault_if(
                any(size > self.max_batch_size for size in self.preferred_batch_size),
                "preferred_batch_size",
                f"a size exceeds max_batch_size ({self.max_batch_size}); lower it",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SequencePolicy:
    """A stateful model: what it hands itself from one request of a sequence to the next."""

    state: Annotated[
        tuple[str, ...], STATE, "Inputs that take what an output gave in the request before."
    ]
    max_sequences: Annotated[int, Range(1, 1_000_000), "Most sequences open in one replica."] = 1024
    idle: Annotated[
        timedelta,
        Range(timedelta(seconds=1), timedelta(hours=24)),
        "Time after which an abandoned sequence is forgotten.",
    ] = timedelta(minutes=1)

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self, fault_if(not self.state, "state", "name at least one pair; write [h0=hn]")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """Whether equal requests are answered from memory."""

    enabled: Annotated[bool, "Answer equal requests from memory; container only."] = False
    ttl_s: Annotated[
        int,
        Range(1, 86_400),
        "Seconds an answer is given again; Triton gives it until it needs the room.",
    ] = 300

    def __post_init__(self) -> None:
        refuse_unless_valid(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsynchronousPolicy:
    """That callers may ask now and fetch the answer later; off unless it is written."""

    result_days: Annotated[int, Range(1, 30), "Days for which an answer is kept."] = 7

    def __post_init__(self) -> None:
        refuse_unless_valid(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call the model."""

    scopes: Annotated[
        tuple[str, ...],
        SCOPE,
        "Scopes that allow a call; `model:<name>:invoke` if none is written.",
    ] = ()
    tenants: Annotated[
        tuple[str, ...], TENANT_NAME, "Tenants that may call; every tenant if none is written."
    ] = ()

    def __post_init__(self) -> None:
        refuse_unless_valid(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model of the catalogue: what it is, where it runs and how it is released.

    Example:
        >>> spec = ModelSpec(name="churn", version=1, owner="crm", description="Who may leave")
        >>> spec.compute.memory_mib, spec.scopes
        (1769, ('model:churn:invoke',))
    """

    name: Annotated[str, NAME, "The model's name in every path; the folder's name."]
    description: Annotated[str, TEXT, "What it does, in a sentence."]
    owner: Annotated[str, TEXT, "The team that answers for it."]
    version: Annotated[
        int, Range(1), "The version to serve, a folder `<version>` beside this file."
    ]
    risk: Annotated[Risk, "Harm a wrong answer can do; high needs an approver."] = Risk.MEDIUM
    data_class: Annotated[DataClass, "How its requests must be protected."] = DataClass.INTERNAL
    also_serve: Annotated[
        tuple[int, ...], Range(1), "Other versions the same function keeps answering for."
    ] = ()
    compute: Annotated[Compute, "Where it runs."] = field(default_factory=Compute)
    batching: Annotated[
        BatchingPolicy | None, "Container only: joins requests of a model proven to allow it."
    ] = None
    sequence: Annotated[
        SequencePolicy | None, "Container only: keeps a stateful model's state between requests."
    ] = None
    cache: Annotated[CachePolicy, "Answers from memory."] = field(default_factory=CachePolicy)
    drift: Annotated[
        DriftPolicy | None, "Functions only: compares requests and answers with a reference."
    ] = None
    release: Annotated[ReleasePlan, "How the next version earns its traffic."] = field(
        default_factory=ReleasePlan
    )
    access: Annotated[Access, "Who may call it."] = field(default_factory=Access)
    asynchronous: Annotated[
        AsynchronousPolicy | None, "Functions only: takes requests whose answers are fetched later."
    ] = None

    def __post_init__(self) -> None:
        refuse_unless_valid(
            self,
            fault_if(
                self.version in self.also_serve,
                "also_serve",
                f"version {self.version} is served already; leave it out",
            ),
            fault_if(
                len(set(self.also_serve)) < len(self.also_serve),
                "also_serve",
                "names a version twice; write each once",
            ),
            fault_if(
                self.sequence is not None and self.compute.target is Target.LAMBDA,
                "sequence",
                "a Lambda environment sees any caller's next request, so it can keep no state; "
                "remove it or set compute.target: gpu or container",
            ),
            fault_if(
                self.sequence is not None and self.compute.fallback is Fallback.LAMBDA,
                "sequence",
                "the CPU version knows nothing of a sequence that a replica began; "
                "remove it or set compute.fallback: none",
            ),
            fault_if(
                self.sequence is not None and not _stays_with_one_replica(self.compute),
                "sequence",
                "state is kept in one replica, and a balancer takes each request to any; "
                f"set {_as_one_replica(self.compute)}, "
                "which stops it before its next release starts, or remove it",
            ),
            fault_if(
                self.cache.enabled and self.compute.target is Target.LAMBDA,
                "cache",
                "functions keep no answers; remove it or set compute.target: gpu or container",
            ),
            fault_if(
                self.batching is not None and self.compute.target is Target.LAMBDA,
                "batching",
                "a Lambda environment takes one request at a time, so there is nothing to join; "
                "remove it or set compute.target: gpu or container",
            ),
            fault_if(
                self.drift is not None and self.compute.target is not Target.LAMBDA,
                "drift",
                "only functions count what they answer; remove it or set compute.target: lambda",
            ),
            fault_if(
                self.asynchronous is not None and self.compute.target is not Target.LAMBDA,
                "asynchronous",
                "only functions are asked what waits; remove it or set compute.target: lambda",
            ),
            fault_if(
                self.release.plan is PlanKind.SHADOW and self.compute.target is not Target.LAMBDA,
                "release",
                "only Lambda functions copy requests to a shadow; choose another plan",
            ),
            fault_if(
                self.release.plan is PlanKind.SHADOW and self.compute.snap_start,
                "release",
                "a shadow's connections and credentials do not outlive a snapshot; "
                "set compute.snap_start: false or choose another plan",
            ),
        )

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version the model's function holds, the default one first."""
        return (self.version, *self.also_serve)

    @property
    def states(self) -> tuple[tuple[str, str], ...]:
        """Inputs and outputs that carry state, in pairs."""
        pairs = self.sequence.state if self.sequence else ()
        return tuple((pair.partition("=")[0], pair.partition("=")[2]) for pair in pairs)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that allow a call."""
        return self.access.scopes or (f"model:{self.name}:invoke",)


def _stays_with_one_replica(compute: Compute) -> bool:
    """Whether a caller's requests all reach the same process; where none is a service's, yes."""
    service = compute.service
    return not compute.is_service or (
        service.max_replicas == 1 and service.deployment is Deployment.ROLLING
    )


def _as_one_replica(compute: Compute) -> str:
    """Say by which settings the target's service has one replica at a time."""
    part = f"compute.{compute.target.value}"
    within = f"{part}.instances" if compute.target is Target.GPU else part
    return f"{within}.max_replicas: 1 and {part}.deployment: rolling"
