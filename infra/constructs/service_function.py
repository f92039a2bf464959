"""A function of the platform's own: not versioned, deployed whole, one role and one log group."""

from collections.abc import Mapping
from dataclasses import dataclass

from constructs import Construct

from infra.bundling.functions import StagedCode
from infra.config.deployment import Deployment
from infra.constructs.function_ground import FunctionGround
from infra.constructs.function_role import FunctionAccess
from infra.constructs.shared_layer import LayerReference

ARCHITECTURE = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCode:
    """What a function runs.

    Attributes:
        asset: Its handler and packaged data.
        layers: What it imports, in the order in which Lambda unpacks them.
    """

    asset: StagedCode
    layers: tuple[LayerReference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSize:
    """How large a function is.

    Attributes:
        memory_mib: Memory, and with it processor share.
        timeout_s: Longest invocation.
        reserved_concurrency: Environments kept for it, and its most; None leaves it the account's.
    """

    memory_mib: int
    timeout_s: int
    reserved_concurrency: int | None = None


class ServiceFunction(Construct):
    """A function, its role and its log group.

    Attributes:
        function: The function.
        role: Its role.
        log_group: Where its lines go.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        code: FunctionCode,
        size: FunctionSize,
        environment: Mapping[str, str],
        description: str,
        deployment: Deployment,
        access: FunctionAccess,
    ) -> None:
        """Make the function.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            code: What it runs.
            size: How large it is.
            environment: Settings, by names from `falaj.contract`.
            description: What the console shows.
            deployment: Profile, platform and Python.
            access: The customer's key and further rights.
        """
        super().__init__(scope, id_)
        ground = FunctionGround.under(self, deployment=deployment, access=access)
        self.log_group, self.role = ground.log_group, ground.role
        self.function = ground.function(
            code=code.asset,
            layers=code.layers,
            environment=environment,
            architectures=[deployment.architecture(ARCHITECTURE)],
            memory_size=size.memory_mib,
            timeout=size.timeout_s,
            reserved_concurrent_executions=size.reserved_concurrency,
            description=description,
        )
