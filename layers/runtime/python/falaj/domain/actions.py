"""What the rollout asks the controller to do; each may be done twice without harm."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDecision:
    """Write the decision record of this generation, before the status is saved."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetShare:
    """Point the alias, if nobody has touched it since it was observed.

    Attributes:
        version: The alias's version.
        weights: Additional weights; empty takes everything off other versions.
        revision_id: The revision that was observed.
    """

    version: str
    weights: Mapping[str, float]
    revision_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Invoke the version directly with its golden cases."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetShadow:
    """Send a sampled share of requests to a version as copies; to none when it is empty.

    Attributes:
        version: The shadow.
        share: Of the requests that are copied.
        stable: The version that copies what it has answered.
    """

    version: str
    share: float
    stable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestProvisionedConcurrency:
    """Keep `count` environments of the version warm."""

    version: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseProvisionedConcurrency:
    """Stop keeping environments of the version warm."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishEvidence:
    """Publish `LogEvidence`, which the evidence alarm watches."""

    log_evidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell people; a page wakes them.

    Attributes:
        generation: Makes a second copy recognisable.
        text: What happened and why.
        is_page: Whether somebody must act now.
    """

    generation: int
    text: str
    is_page: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneVersions:
    """Delete versions that no rollback can need."""

    versions: tuple[str, ...]


Action = (
    RecordDecision
    | SetShare
    | Verify
    | SetShadow
    | RequestProvisionedConcurrency
    | ReleaseProvisionedConcurrency
    | PublishEvidence
    | Notify
    | PruneVersions
)
