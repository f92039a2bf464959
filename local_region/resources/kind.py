"""A resource as declared, and the three things one can do with a kind of resource."""

import hashlib
from base64 import b32encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from local_region.assembly import FileAsset, Stack
from local_region.backends.moto_backends import MotoBackends
from local_region.container_service.containers import ContainerServices
from local_region.control_loop import ControlLoop
from local_region.errors import TemplateError
from local_region.gateway.registry import ApiRegistry
from local_region.gateway.usage_plans import UsagePlans
from local_region.lambda_service import LambdaService
from local_region.resources.layers import LayerStore
from local_region.resources.permissions import Permissions
from local_region.state_machines.service import StateMachines
from local_region.template.intrinsics import Physical
from local_region.waf.firewall import Firewall


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What resources are made in.

    Attributes:
        account: Twelve digits.
        region: The region's name.
        aws: The backends of S3, DynamoDB, SSM and their like.
        functions: The Lambda control plane.
        apis: The APIs that the front door serves.
        layers: Folders of published layer versions.
        permissions: Who may invoke what.
        plans: Usage plans and API keys.
        control: Alarms, rules and the events they act on.
        containers: Services of containers, and the load balancers before them.
        machines: State machines and their executions.
        firewall: Web ACLs, and the stages they stand before.
    """

    account: str
    region: str
    aws: MotoBackends
    functions: LambdaService
    apis: ApiRegistry
    layers: LayerStore
    permissions: Permissions
    plans: UsagePlans
    control: ControlLoop
    containers: ContainerServices
    machines: StateMachines
    firewall: Firewall = field(default_factory=Firewall)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something of this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One resource of a template with every intrinsic resolved."""

    stack: Stack
    account: str
    logical_id: str
    type: str
    properties: Mapping[str, Any] = field(default_factory=dict)

    def name(self, limit: int = 64) -> str:
        """Return the name CloudFormation would generate: stack, logical id, a unique tail.

        The tail is a digest, so that the same stack of an account always yields the same names.
        """
        path = f"{self.account}/{self.stack.name}/{self.logical_id}"
        digest = hashlib.sha256(path.encode()).digest()
        tail = b32encode(digest).decode()[:12]
        return f"{f'{self.stack.name}-{self.logical_id}'[: limit - 13]}-{tail}"

    def id(self) -> str:
        """Return ten characters, as API Gateway's ids have, that are the same each time."""
        digest = hashlib.sha256(f"{self.stack.name}/{self.logical_id}".encode()).digest()
        return b32encode(digest).decode().lower()[:10]

    def asset(self, key: str) -> FileAsset:
        """Find the asset of this stack that an object key names."""
        return self.stack.asset(key)

    def error(self, reason: str) -> TemplateError:
        """Make the error that names this resource."""
        return TemplateError(
            stack=self.stack.name,
            logical_id=self.logical_id,
            resource_type=self.type,
            reason=reason,
        )


Create: TypeAlias = Callable[[Declared, Surroundings], Awaitable[Physical]]
Update: TypeAlias = Callable[[Physical, Declared, Surroundings], Awaitable[Physical]]
Delete: TypeAlias = Callable[[Physical, Surroundings], Awaitable[None]]


async def keep(_physical: Physical, _region: Surroundings) -> None:
    """Delete nothing: this kind leaves no trace outside the stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one CloudFormation type means here.

    Attributes:
        create: Makes it.
        update: Changes it in place; None if any change replaces it, as CloudFormation documents.
        delete: Removes it.
        replaced_by: Properties whose change replaces it even though others update in place.
        note: What is not emulated; None if it acts as on AWS.
    """

    create: Create
    update: Update | None = None
    delete: Delete = keep
    replaced_by: frozenset[str] = frozenset()
    note: str | None = None
