"""What is refused before anything is made, with the reason and the mend."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from catalogue.checks import manifest_faults
from catalogue.spec import PlanKind, Target
from falaj.errors import ConfigurationError
from falaj.experiments.live import LiveExperiment, LiveExperiments
from falaj.experiments.spec import ExperimentSpec, Unit
from falaj.experiments.subject import Where
from infra.access import model_access
from infra.config.deployment import Access, Deployment, Platform
from infra.constructs.api_access import SCOPES_PER_ROUTE
from infra.constructs.api_routes import ROUTES_PER_API, TIMEOUT_MS, most_models
from infra.constructs.asynchronous_worker import MOST_ASYNCHRONOUS
from infra.constructs.controller_size import CONTROLLER_CONCURRENCY
from infra.constructs.load_shedder import SHEDDER_CONCURRENCY
from infra.gpu_refusals import balancer_faults, gpu_faults
from infra.packaging import UNZIPPED_LIMIT_BYTES, PackagedModel

MIB: Final = 1024 * 1024

UNRESERVED_MINIMUM: Final = 100
"""Concurrent executions that Lambda keeps free for functions that reserve none.

Source: docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html, read 2026-11-22.
"""

VERSIONS_WARM: Final = 2
"""Versions that a rollout keeps warm at once: stable and candidate."""


def catalogue_faults(models: Sequence[PackagedModel], deployment: Deployment) -> list[str]:
    """Return every reason why these models cannot be deployed together."""
    faults = [
        f"model {model.spec.name}: {fault}"
        for model in models
        for check in _MODEL_CHECKS
        for fault in check(model, deployment)
    ]
    services = [model.spec.name for model in models if model.spec.compute.is_service]
    return [
        *faults,
        *_too_many(models),
        *_too_much_reserved(models, deployment),
        *balancer_faults(services),
    ]


def size_faults(name: str, *, code_bytes: int, layer_bytes: int) -> list[str]:
    """Return the reason why a function is too large for Lambda, with the figures."""
    total = code_bytes + layer_bytes
    if total <= UNZIPPED_LIMIT_BYTES:
        return []
    parts = f"code {code_bytes / MIB:.1f}, layers {layer_bytes / MIB:.1f}"
    mend = "prune what its layers hold (infra/bundling/pruning.py)"
    limit = f"Lambda takes {UNZIPPED_LIMIT_BYTES // MIB}"
    return [f"{name}: {total / MIB:.1f} MB unzipped ({parts}), and {limit}; {mend}"]


def _gpu(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    if model.spec.compute.is_service:
        manifests = [version.manifest for version in model.versions]
        members = [member.manifest for member in model.members]
        yield from gpu_faults(model.spec, manifests, deployment, members)


def _timeout(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    kind = deployment.settings.api
    limit_s = TIMEOUT_MS[kind] // 1000
    if model.spec.compute.timeout_s > limit_s - 1:
        yield (
            f"timeout_s is {model.spec.compute.timeout_s}, but the {kind.value} API of profile "
            f"{deployment.profile.value} gives up after {limit_s} s and the answer would be lost; "
            f"write at most {limit_s - 1}"
        )


def _memory(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    del deployment
    largest = max((v.manifest.size_bytes for v in model.held), default=0)
    compute = model.spec.compute
    if compute.target is Target.CONTAINER:
        memory_gib = compute.container.memory_gib
        if largest >= memory_gib * 1024 * MIB:
            yield (
                f"container.memory_gib is {memory_gib} and a version alone has "
                f"{largest / MIB:.0f} MiB; write at least {2 * largest // (1024 * MIB) + 1}"
            )
        if not compute.has_function:
            return
    memory_mib = compute.memory_mib
    if largest >= memory_mib * MIB:
        yield (
            f"memory_mib is {memory_mib} and a version alone has {largest / MIB:.0f} MiB; "
            f"write at least {2 * largest // MIB + 256}"
        )


def _warm(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    """While versions overlap both are kept warm, and Lambda counts both against the reserve.

    Source: docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html ("can't allocate more
    provisioned concurrency than reserved concurrency"), read 2026-11-22.
    """
    del deployment
    compute = model.spec.compute
    if (
        compute.reserved_concurrency is not None
        and compute.min_warm <= compute.reserved_concurrency < VERSIONS_WARM * compute.min_warm
    ):
        yield (
            f"min_warm is {compute.min_warm}, kept on stable and candidate at once during a "
            f"rollout, but reserved_concurrency is {compute.reserved_concurrency}; write at least "
            f"{VERSIONS_WARM * compute.min_warm}"
        )


def _plan(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    del deployment
    plan = model.spec.release
    needed = plan.bake * len(plan.steps)
    if plan.plan is PlanKind.SPLIT and plan.max_duration < needed:
        yield (
            f"release.max_duration is {plan.max_duration.total_seconds():g} s, but its "
            f"{len(plan.steps)} steps bake {needed.total_seconds():g} s, so the split would end "
            "before its last share; raise max_duration or leave steps out"
        )


def _experiments(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    """Refuse experiments whose arms this release could not answer for."""
    spec = model.spec
    for each in model.experiments:
        name, control = f"experiment {each.name}", each.control
        if each.unit is Unit.REQUEST:
            if spec.release.plan is not PlanKind.SPLIT:
                yield (
                    f"{name} is about requests, which only release.plan: split divides; write that "
                    "plan, or unit: subject"
                )
            continue
        if spec.compute.is_service:
            target = spec.compute.target.value
            yield f"{name} assigns subjects in a Lambda function; compute.target is {target}"
        if control.model_version not in {None, spec.version}:
            yield (
                f"{name}: the control {control.name} is version {control.model_version}, but "
                f"whoever takes no part gets version {spec.version}; make them one"
            )
        for arm in each.arms[1:]:
            if arm.model_version is None:
                yield f"{name}: arm {arm.name} needs a model_version"
        yield from _claim(each, deployment)
        yield from _parameter_size(each)


def _drift(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    """Refuse what cannot be watched, before half of it is deployed.

    Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions.html (at most two
    subscription filters of a log group), read 2026-11-22.
    """
    if model.spec.drift is None:
        return
    stale = [str(v.manifest.version) for v in model.versions if not v.manifest.drift]
    if stale:
        yield (
            f"drift is written, but version {', '.join(stale)} was built without a reference; "
            f"run `falaj models build {model.spec.name}`"
        )
    if deployment.settings.audit_trail and model.experiments:
        yield (
            f"the audit trail of profile {deployment.profile.value} and its experiments take both "
            "subscription filters that CloudWatch Logs lets its log group have; remove drift"
        )


def _claim(experiment: ExperimentSpec, deployment: Deployment) -> Iterator[str]:
    source = experiment.subject
    if source is None or source.where is not Where.CLAIM or _is_here(deployment):
        return
    if deployment.access is not Access.JWT:
        yield (
            f"experiment {experiment.name}: its subject is a claim, but access is "
            f"{deployment.access.value} and no token is checked; use access=jwt, a header or a "
            "parameter"
        )


def _parameter_size(experiment: ExperimentSpec) -> Iterator[str]:
    try:
        LiveExperiments(sticky=(LiveExperiment.of(experiment),)).to_json()
    except ConfigurationError as error:
        yield from error.faults


def _access(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    access = model_access(model.spec)
    if access.tenants and deployment.access is Access.OPEN and not _is_here(deployment):
        yield "access.tenants is refused with access=open: nobody's tenant is known"
    count = len(access.all_scopes)
    if deployment.access is Access.JWT and not deployment.is_rest and count > SCOPES_PER_ROUTE:
        yield (
            f"{count} scopes allow something of it, and a route of an HTTP API takes "
            f"{SCOPES_PER_ROUTE}; name fewer in access.scopes"
        )


def _is_here(deployment: Deployment) -> bool:
    return deployment.platform is Platform.HOST


def _manifests(model: PackagedModel, deployment: Deployment) -> Iterator[str]:
    del deployment
    yield from manifest_faults(model.spec, [version.manifest for version in model.versions])


_MODEL_CHECKS: Final[tuple[Callable[[PackagedModel, Deployment], Iterator[str]], ...]] = (
    _gpu,
    _timeout,
    _memory,
    _warm,
    _plan,
    _access,
    _experiments,
    _drift,
    _manifests,
)


def _too_many(models: Sequence[PackagedModel]) -> Iterator[str]:
    with_feedback = sum(bool(model.experiments) for model in models)
    asynchronous = sum(model.spec.asynchronous is not None for model in models)
    most = most_models(with_feedback, asynchronous)
    if asynchronous > MOST_ASYNCHRONOUS:
        yield (
            f"{asynchronous} models are asynchronous, but the one role that asks them can name "
            f"{MOST_ASYNCHRONOUS}; take the part out of some"
        )
    if len(models) > most:
        yield (
            f"{len(models)} models, but one API holds {most} (API Gateway: {ROUTES_PER_API} "
            f"routes, one more for each of the {with_feedback} with experiments, three for each "
            f"of the {asynchronous} that are asynchronous); split the "
            "catalogue between deployments with falaj:models"
        )


def _too_much_reserved(models: Sequence[PackagedModel], deployment: Deployment) -> Iterator[str]:
    computes = [model.spec.compute for model in models]
    reserved = sum(compute.reserved_concurrency or 0 for compute in computes)
    unreserved = VERSIONS_WARM * sum(
        compute.min_warm for compute in computes if compute.reserved_concurrency is None
    )
    quota = deployment.concurrency_quota
    taken = reserved + unreserved
    platform = CONTROLLER_CONCURRENCY + (SHEDDER_CONCURRENCY if deployment.tenants else 0)
    most = quota - UNRESERVED_MINIMUM - platform
    if taken > most:
        yield (
            f"the models reserve {reserved} and keep {unreserved} more warm (min_warm on stable "
            f"and candidate at once), {taken} together, but models may bind "
            f"{most} of the account's {quota} ({UNRESERVED_MINIMUM} stay free, "
            f"{platform} are the platform's own); lower reserved_concurrency "
            "or min_warm, or have AWS raise the quota and set falaj:concurrencyQuota"
        )
