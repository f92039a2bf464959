"""Which version answers a request of a model on which experiments run."""

from collections.abc import Callable, Set as AbstractSet
from typing import NamedTuple

from falaj.experiments.assignment import Assignment, Reason, assign
from falaj.experiments.live import LiveExperiment, LiveExperiments
from falaj.experiments.subject import SubjectFault, SubjectSource

ReadSubject = Callable[[SubjectSource], str | SubjectFault]


class Choice(NamedTuple):
    """Who answers.

    Attributes:
        version: Model version; None leaves it to the release.
        experiment: The experiment that decided; empty when none did.
        arm: Its arm; empty when none decided.
        subject: Who is exposed, as the request names it; empty when nobody is, because nobody or
            no chance decided.
        unassigned: Why a request of a running experiment takes no part in it although it could:
            the subject's fault, or an arm that this release does not have.
    """

    version: int | None
    experiment: str = ""
    arm: str = ""
    subject: str = ""
    unassigned: str = ""


NOT_PACKAGED = "arm_not_packaged"


def choose(
    live: LiveExperiments,
    *,
    own_version: int,
    packaged: AbstractSet[int],
    read_subject: ReadSubject,
) -> Choice:
    """Choose who answers one request.

    A request without a usable subject, and one of a release that lacks any of an experiment's arms,
    gets the release's own version and is no exposure: half an experiment would be a biased one.

    Args:
        live: What runs.
        own_version: The version that the release serves when nobody asks for another.
        packaged: Every version that the release holds.
        read_subject: Finds the request's subject.

    Example:
        >>> choose(LiveExperiments(), own_version=1, packaged={1}, read_subject=lambda _: "a")
        Choice(version=None, experiment='', arm='', subject='', unassigned='')
    """
    unassigned = ""
    for experiment in live.sticky:
        if not packaged >= set(experiment.versions.values()):
            unassigned = NOT_PACKAGED
            continue
        subject = read_subject(experiment.subject)
        assignment = assign(experiment.allocation, subject)
        if assignment.arm is not None:
            return _chosen(experiment, assignment, subject)
        if assignment.reason is Reason.NO_SUBJECT and assignment.fault is not None:
            unassigned = assignment.fault.value
    return Choice(_version_outside(live, own_version, packaged), unassigned=unassigned)


def _chosen(
    experiment: LiveExperiment, assignment: Assignment, subject: str | SubjectFault
) -> Choice:
    arm = assignment.arm or ""
    return Choice(
        version=experiment.versions.get(arm),
        experiment=experiment.key,
        arm=arm,
        subject=str(subject) if assignment.is_exposure else "",
    )


def _version_outside(
    live: LiveExperiments, own_version: int, packaged: AbstractSet[int]
) -> int | None:
    promotion = live.promotion
    if promotion is None or promotion.instead_of != own_version:
        return None
    return promotion.version if promotion.version in packaged else None
