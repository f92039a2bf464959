"""What every stack is called and carries."""

from typing import Any, Final

from aws_cdk import Environment, Stack
from constructs import Construct

from catalogue.spec import ModelSpec, Target
from falaj.contract import DATA_CLASS_TAG, PROFILE_TAG, STAGE_TAG
from infra.config.deployment import Deployment

FOUNDATION: Final = "FalajFoundation"
API: Final = "FalajApi"
ROLLOUTS: Final = "FalajRollouts"
NETWORK: Final = "FalajNetwork"
AUDIT: Final = "FalajAudit"
SHEDDING: Final = "FalajShedding"
EXPERIMENTS: Final = "FalajExperiments"
BATCH: Final = "FalajBatch"
DRIFT: Final = "FalajDrift"
ASYNCHRONOUS: Final = "FalajAsynchronous"
GPU: Final = "FalajGpu"
DATA_KEY: Final = "data"


def class_key(data_class: str) -> str:
    """Name the purpose of the customer's key for data of one class."""
    return f"{DATA_KEY}-{data_class}"


def model_stack(name: str) -> str:
    """Name the stack of a model."""
    return f"FalajModel-{name}"


def gpu_model_stack(name: str) -> str:
    """Name the stack of a model's GPU service."""
    return f"FalajGpuModel-{name}"


def words_of(spec: ModelSpec) -> str:
    """Say what kind of service a model has."""
    return "GPU service" if spec.compute.target is Target.GPU else "container service"


def stack_properties(
    deployment: Deployment, holds: str, *, data_class: str | None = None
) -> dict[str, Any]:
    """Return what every stack is made with.

    The region is always concrete; the account may be left to the CLI's credentials. A stack that
    handles data of one class says so in a tag, which policies read.
    """
    classified = {DATA_CLASS_TAG: data_class} if data_class else {}
    return {
        "env": Environment(account=deployment.account, region=deployment.region),
        "description": f"Falaj ({deployment.profile}): {holds}",
        "termination_protection": deployment.settings.protect_stacks,
        "tags": {
            STAGE_TAG: deployment.stage,
            PROFILE_TAG: deployment.profile.value,
            **classified,
        },
    }


def leave_bootstrap_check_to_cli(stack: Stack) -> None:
    """Keep the bootstrap version's parameter and rule out of the template.

    The CLI checks the version too, from the asset manifest. `generate_bootstrap_version_rule` would
    say the same, but a synthesizer made in Python cannot be asked for assets: jsii hands back the
    unbound original. The CDK adds the rule unless a child of this name is there.

    Source: aws-cdk-lib 2.275, core/lib/stack-synthesizers/stack-synthesizer.js.
    """
    Construct(stack, "BootstrapVersion")
