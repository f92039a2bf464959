"""What all models share: layers, the customer's key, the model store."""

from collections.abc import Sequence

from aws_cdk import Annotations, Stack
from constructs import Construct

from infra.bundling.layers import ANY_ARCHITECTURE, StagedLayer
from infra.config.deployment import Deployment
from infra.config.tenants import Tenants
from infra.constructs.customer_key import CustomerKey
from infra.constructs.model_store import ModelStore
from infra.constructs.publisher import Publisher
from infra.constructs.region_boundary import RegionBoundary
from infra.constructs.shared_layer import SharedLayer
from infra.constructs.tenant_quotas import TenantQuotas
from infra.stacks.naming import (
    DATA_KEY,
    class_key,
    leave_bootstrap_check_to_cli,
    stack_properties,
)

ARCHITECTURES = ("arm64", "x86_64")


class FoundationStack(Stack):
    """Deployed first; the others find what it made through SSM parameters."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        layers: Sequence[StagedLayer],
        tenants: Tenants | None = None,
        data_classes: Sequence[str] = (),
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile and place.
            layers: Staged layers, one for each architecture in use.
            tenants: What each tenant may ask for; None bounds nobody.
            data_classes: Classes of data that the models handle; each has a key of its own, where
                the profile puts logs and settings under the customer's keys.
        """
        super().__init__(scope, id_, **stack_properties(deployment, "layers, keys and buckets"))
        leave_bootstrap_check_to_cli(self)
        RegionBoundary(self, "Boundary")
        for staged in layers:
            SharedLayer(
                self,
                f"{staged.name.capitalize()}Layer{staged.architecture.capitalize()}",
                staged=staged,
                runtime=deployment.runtime,
                architectures=_usable_on(staged),
            )
        if not all(staged.has_bytecode for staged in layers):
            Annotations.of(self).add_warning_v2("falaj:no-bytecode", _no_bytecode(deployment))
        key = CustomerKey(self, "DataKey", purpose=DATA_KEY).key
        if deployment.settings.logs_use_customer_key:
            for data_class in sorted(set(data_classes)):
                id_ = f"{data_class.capitalize()}Key"
                CustomerKey(self, id_, purpose=class_key(data_class))
        buckets = {
            purpose: ModelStore(
                self,
                purpose.capitalize(),
                purpose=purpose,
                key_arn=key.attr_arn,
                object_lock=deployment.settings.object_lock,
            ).bucket
            for purpose in ("models", "registry")
        }
        if tenants is not None:
            TenantQuotas(
                self,
                "Quotas",
                tenants=tenants,
                key_arn=key.attr_arn,
                settings=deployment.settings,
            )
        Publisher(self, "Publisher", data_key_arn=key.attr_arn, buckets=buckets)


def _usable_on(layer: StagedLayer) -> tuple[str, ...]:
    return ARCHITECTURES if layer.architecture == ANY_ARCHITECTURE else (layer.architecture,)


def _no_bytecode(deployment: Deployment) -> str:
    return (
        f"No Python {deployment.python_version} is here to compile for {deployment.runtime}: "
        "the layers ship without bytecode, and every cold start compiles them. "
        f"Run `uv python install {deployment.python_version}` and synthesize again."
    )
