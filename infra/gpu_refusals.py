"""What of a service is refused before anything is made, with the reason and the mend."""

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Final

from catalogue.compute import ServingEngine
from catalogue.gpu import GpuService, Provider
from catalogue.service import Deployment as Replacement
from catalogue.spec import ModelSpec, PlanKind, Target
from catalogue.triton import triton_faults
from falaj.domain.manifest import Manifest
from infra.config.deployment import Access, Deployment, Platform
from infra.config.gpu import (
    FEWEST_ZONES,
    instance_types,
    offered_types,
    replacement_of,
    zones_of,
)
from infra.config.region import RegionFacts
from infra.constructs.gpu_service import LONGEST_MINUTES, deployment_minutes
from infra.constructs.gpu_targets import rule_priority
from infra.stacks.naming import words_of

MOST_SERVICES: Final = 50
"""Services behind one load balancer: each has two of its 100 rules.

Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
(rules per Application Load Balancer: 100).
"""


def gpu_faults(
    spec: ModelSpec,
    manifests: Sequence[Manifest],
    deployment: Deployment,
    members: Sequence[Manifest] = (),
) -> Iterator[str]:
    """Yield every reason why this service cannot be made."""
    if spec.compute.engine is ServingEngine.TRITON:
        yield from triton_faults(spec, manifests, members)
    yield from _state_faults(spec, manifests)
    if spec.compute.target is Target.GPU:
        yield from _machine_faults(spec.compute.gpu, deployment)
    yield from _release_faults(spec, deployment)
    if len(deployment.az_ids) < FEWEST_ZONES:
        yield (
            f"a load balancer spans at least {FEWEST_ZONES} zones, and falaj:azIds names "
            f"{len(deployment.az_ids)}; name another"
            + (", even if it offers no GPU" if spec.compute.target is Target.GPU else "")
        )
    yield from _access_faults(deployment)
    if deployment.platform is Platform.LAMBDA:
        yield from _account_faults(spec, deployment)
    yield from engine_faults(spec, deployment)


def engine_faults(
    spec: ModelSpec,
    deployment: Deployment,
    *,
    has_package: Callable[[str], object] = find_spec,
) -> Iterator[str]:
    """Yield what this machine's Python lacks, which runs replicas where nothing is deployed.

    Args:
        spec: The model.
        deployment: Says where it is to run.
        has_package: Tells whether a package is installed.
    """
    is_openvino = spec.compute.engine is ServingEngine.OPENVINO
    if is_openvino and deployment.platform is Platform.HOST and not has_package("openvino"):
        yield (
            "engine: openvino runs here as a process of this Python, which has no openvino; "
            "pip install openvino (requirements-dev.in), or write engine: onnx"
        )


def balancer_faults(services: Sequence[str]) -> Iterator[str]:
    """Yield every reason why one load balancer cannot stand before these services."""
    if len(services) > MOST_SERVICES:
        yield (
            f"{len(services)} GPU services, but one load balancer holds {MOST_SERVICES} (100 rules "
            "by default); split the catalogue between deployments with falaj:models"
        )
    by_place: dict[int, list[str]] = {}
    for name in services:
        by_place.setdefault(rule_priority(name), []).append(name)
    for place, names in by_place.items():
        if len(names) > 1:
            yield (
                f"models {', '.join(names)}: their names give their rules the same place in the "
                f"load balancer ({place}); rename one"
            )


def _access_faults(deployment: Deployment) -> Iterator[str]:
    """Refuse a service that could not tell who asks."""
    is_jwt = deployment.access is Access.JWT
    if is_jwt and not deployment.tokens.keys:
        yield (
            "its replicas check tokens themselves, since no API stands before gRPC, and have no "
            "way to the internet; write the file with the issuer's public keys into jwtKeys"
        )
    gpu, is_open = deployment.gpu, deployment.access is Access.OPEN
    if gpu.clients and not (is_open or gpu.verifies_clients or is_jwt):
        yield (
            "grpcClients would let everybody in there run it: gRPC knows no SigV4; set "
            "gpuTrustBundle, use access=jwt, or remove grpcClients"
        )


def _account_faults(spec: ModelSpec, deployment: Deployment) -> Iterator[str]:
    """Yield what is missing in the account; on an operator's machine nothing of it is used."""
    if not deployment.gpu.certificate:
        yield (
            f"the way to a {words_of(spec)} is TLS, and there is no certificate for it; set "
            "falaj:gpuDomain and falaj:gpuCertificate (docs/reference/gpu.md)"
        )
    if spec.compute.engine is ServingEngine.TRITON:
        if not deployment.gpu.triton_image:
            yield (
                "engine: triton runs NVIDIA's image from this account's own registry; mirror it "
                "and set falaj:tritonImage (docs/reference/gpu.md), or write engine: onnx"
            )
    elif Provider.TENSORRT in spec.compute.gpu.providers and not deployment.gpu.base_image:
        yield (
            "compute.gpu.providers names tensorrt, whose libraries are in no wheel that could be "
            "pinned; mirror an image that holds TensorRT 10 and set falaj:gpuBaseImage "
            "(docs/reference/gpu.md), or write providers: [cuda]"
        )


def _state_faults(spec: ModelSpec, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Refuse states that are not the model's own inputs and outputs."""
    for manifest in manifests:
        given = {item.name for item in manifest.signature.inputs}
        made = {item.name for item in manifest.signature.outputs}
        for taken, became in spec.states:
            if taken not in given or became not in made:
                yield (
                    f"sequence.state names {taken}={became}, and version {manifest.version} has "
                    f"inputs {', '.join(sorted(given))} and outputs {', '.join(sorted(made))}"
                )


def _machine_faults(service: GpuService, deployment: Deployment) -> Iterator[str]:
    if offered_types(service, deployment.az_ids):
        return
    wanted = ", ".join(instance_types(service))
    facts = RegionFacts.load()
    elsewhere = zones_of(instance_types(service), facts.availability_zone_ids)
    mend = (
        f"{' and '.join(elsewhere)} offer it: add one to falaj:azIds"
        if elsewhere
        else f"offered are {', '.join(facts.gpu_types_in(deployment.az_ids)) or 'none'}: "
        "correct compute.gpu.instances"
    )
    yield f"{wanted} is offered by none of {', '.join(deployment.az_ids)}; {mend}"


def _release_faults(spec: ModelSpec, deployment: Deployment) -> Iterator[str]:
    how = replacement_of(spec.compute.service, deployment.az_ids)
    if spec.release.plan not in {PlanKind.CANARY, PlanKind.ALL_AT_ONCE}:
        yield (
            f"release.plan is {spec.release.plan.value}, which ECS does not know: a "
            f"{words_of(spec)} takes canary (compute.{spec.compute.target.value}.deployment) or "
            "all_at_once"
        )
    minutes = deployment_minutes(how, spec.release)
    if minutes > LONGEST_MINUTES:
        yield (
            f"its deployment would take {minutes} minutes and CloudFormation gives up after "
            f"{LONGEST_MINUTES}; shorten release.bake"
        )
    if how is not Replacement.ROLLING and spec.release.bake.total_seconds() % 60:
        yield "ECS bakes in whole minutes; write release.bake: 10m"
