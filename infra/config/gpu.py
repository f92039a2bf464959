"""Where and behind which name GPU services answer; and which machines the zones offer them."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from catalogue.container import ContainerService
from catalogue.gpu import GpuFamily, GpuService
from catalogue.service import Deployment as Replacement
from falaj.contract import REGION
from infra.config.region import RegionFacts

PREFERENCE: Final = (GpuFamily.G6, GpuFamily.G5)
"""NVIDIA L4 before A10G: newer and cheaper by the hour, 24 GB each."""

FEWEST_ZONES: Final = 2
"""Zones that an Application Load Balancer spans, at least.

Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html.
"""
SMALLEST_NETWORK: Final = 22
LARGEST_NETWORK: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPlace:
    """What only the operator knows of the network that GPU services live in.

    Attributes:
        domain: Name that the load balancer's certificate holds, with `*.` of it for gRPC; empty
            where none is needed (`platform=host`).
        certificate: The certificate's ARN in Certificate Manager.
        cidr: Addresses of the network.
        clients: Networks whose programs may speak gRPC to the load balancer.
        trust_bundle: The CA certificates that those programs must show one of: `s3://bucket/key`,
            or a PEM file, which the stack uploads; empty asks for none.
        base_image: What the container's image is built on, by digest, in this account's registry;
            empty for plain Python, which has CUDA's libraries and not TensorRT's.
        triton_image: Repository of Triton's image in this account's registry, with its digest.
    """

    domain: str = ""
    certificate: str = ""
    cidr: str = "10.77.0.0/16"
    clients: tuple[str, ...] = ()
    trust_bundle: str = ""
    base_image: str = ""
    triton_image: str = ""

    @property
    def verifies_clients(self) -> bool:
        """Whether the balancer asks gRPC's callers for a certificate."""
        return bool(self.certificate and self.trust_bundle)

    @property
    def trust_file(self) -> str:
        """The PEM file that the stack uploads; empty where the certificates are in S3 already."""
        return "" if self.trust_bundle.startswith("s3://") else self.trust_bundle

    def faults(self) -> Iterator[str]:
        """Yield every reason why these cannot be."""
        if bool(self.domain) != bool(self.certificate):
            yield "gpuDomain and gpuCertificate belong together; write both or neither"
        if self.certificate and not re.fullmatch(_CERTIFICATE, self.certificate):
            yield (
                f"gpuCertificate {self.certificate!r}: write the ARN of one in Certificate "
                f"Manager of {REGION}"
            )
        if self.domain and not re.fullmatch(_DOMAIN, self.domain):
            yield f"gpuDomain {self.domain!r}: write a domain name, gpu.example.ae"
        if self.trust_bundle and not re.fullmatch(_BUNDLE, self.trust_bundle):
            yield (
                f"gpuTrustBundle {self.trust_bundle!r}: write s3://bucket/key of a PEM file, or "
                "the file's name"
            )
        if self.base_image and not re.fullmatch(_IMAGE, self.base_image):
            yield (
                f"gpuBaseImage {self.base_image!r}: an image of another registry is fetched from "
                "abroad; mirror it into your own ECR (docs/reference/gpu.md) and write "
                f"<account>.dkr.ecr.{REGION}.amazonaws.com/<repository>@sha256:<digest>"
            )
        if self.triton_image and not re.fullmatch(_REPOSITORY, self.triton_image):
            yield (
                f"tritonImage {self.triton_image!r}: an image of another registry is fetched from "
                "abroad; mirror NVIDIA's into your own ECR (docs/reference/gpu.md) and write "
                "<repository>@sha256:<digest>, without a registry: it is this account's"
            )
        yield from _network_faults(self)


_CERTIFICATE: Final = rf"arn:aws:acm:{REGION}:\d{{12}}:certificate/[0-9a-f-]{{36}}"
_BUNDLE: Final = r"s3://[a-z0-9.-]{3,63}/\S+|(?!\w+://)\S+\.pem"
_DOMAIN: Final = r"(?=.{1,200}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"
_REPOSITORY: Final = r"[a-z0-9][a-z0-9._/-]*@sha256:[0-9a-f]{64}"
_IMAGE: Final = rf"\d{{12}}\.dkr\.ecr\.{REGION}\.amazonaws\.com/[a-z0-9._/-]+@sha256:[0-9a-f]{{64}}"


def _network_faults(place: GpuPlace) -> Iterator[str]:
    for name, text in (("gpuCidr", place.cidr), *(("grpcClients", text) for text in place.clients)):
        try:
            network = ipaddress.IPv4Network(text)
        except ValueError:
            yield f"{name} {text!r}: write an IPv4 network, 10.77.0.0/16"
            continue
        if not network.is_private:
            yield f"{name} {text}: nothing here talks to the internet; write a private network"
        if name == "gpuCidr" and not LARGEST_NETWORK <= network.prefixlen <= SMALLEST_NETWORK:
            yield f"gpuCidr {text}: write a network of /{LARGEST_NETWORK} to /{SMALLEST_NETWORK}"


def instance_types(service: GpuService) -> tuple[str, ...]:
    """Name the types a service may run on, the one to try first at the front.

    Example:
        >>> instance_types(GpuService())
        ('g6.xlarge', 'g5.xlarge')
    """
    wanted = service.instances.family
    families = PREFERENCE if wanted is GpuFamily.AUTO else (wanted,)
    return tuple(f"{family.value}.{service.instances.size.value}" for family in families)


def offered_types(service: GpuService, az_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of its types that at least one of the zones offers."""
    offered = RegionFacts.load().gpu_types_in(az_ids)
    return tuple(kind for kind in instance_types(service) if kind in offered)


def zones_of(types: tuple[str, ...], az_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the zones that offer at least one of the types."""
    by_type = RegionFacts.load().gpu_by_az_id
    return tuple(zone for zone in az_ids if any(zone in by_type.get(kind, ()) for kind in types))


def service_zones(
    service: GpuService | ContainerService, az_ids: tuple[str, ...]
) -> tuple[str, ...]:
    """Return those of the zones that a service's replicas may run in.

    Fargate is in all of the region's.

    Source:
        docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html ("The supported
        Availability Zone IDs are noted when applicable": none at me-central-1), read 2026-11-22.
    """
    if isinstance(service, ContainerService):
        return az_ids
    return zones_of(offered_types(service, az_ids), az_ids)


def replacement_of(service: GpuService | ContainerService, az_ids: tuple[str, ...]) -> Replacement:
    """Say how ECS replaces a release: two fleets at once need room in more than one zone."""
    if service.deployment is not Replacement.AUTO:
        return service.deployment
    zones = service_zones(service, az_ids)
    return Replacement.CANARY if len(zones) >= FEWEST_ZONES else Replacement.ROLLING


def capacity_name(service: GpuService) -> str:
    """Name the machines that services of the same wishes share.

    Example:
        >>> capacity_name(GpuService())
        'auto-xlarge'
    """
    return f"{service.instances.family.value}-{service.instances.size.value}"
