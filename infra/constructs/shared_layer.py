"""A layer made in the foundation and found by the others through an SSM parameter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import CfnParameter, Stack, aws_lambda as lambda_, aws_ssm as ssm
from constructs import Construct

from falaj.contract import layer_arn_parameter
from infra.bundling.layers import StagedLayer
from infra.constructs.assets import zip_asset
from infra.constructs.keeping import keep

DIGEST_LENGTH = 16
_KNOWN: Final[WeakKeyDictionary[Stack, dict[str, str]]] = WeakKeyDictionary()
"""What each stack has asked for, remembered here since asking the CDK takes two calls into Node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReference:
    """How another stack names a layer: by content, so that it never gets another one.

    Attributes:
        name: `runtime`, `onnx` or `api`.
        digest: The content's.
        parameter: SSM parameter that holds the ARN.
        size_bytes: Unzipped size.
    """

    name: str
    digest: str
    parameter: str
    size_bytes: int

    @classmethod
    def to(cls, layer: StagedLayer) -> "LayerReference":
        """Name a staged layer."""
        digest = layer.digest[:DIGEST_LENGTH]
        return cls(
            name=layer.name,
            digest=digest,
            parameter=layer_arn_parameter(layer.name, layer.architecture, digest),
            size_bytes=layer.size_bytes,
        )

    def arn(self, stack: Stack) -> str:
        """Return the layer's ARN, resolved from SSM when the stack is deployed."""
        return ssm_value(stack, f"{self.name.capitalize()}Layer", self.parameter)


def ssm_value(stack: Stack, id_: str, parameter: str) -> str:
    """Return an SSM parameter's value through a template parameter of the SSM type.

    Unlike an import, this leaves the stack that writes the value free to change it. Whoever asks
    for the same value again gets the same parameter.
    """
    known = _KNOWN.setdefault(stack, {})
    if id_ not in known:
        kind = "AWS::SSM::Parameter::Value<String>"
        known[id_] = CfnParameter(stack, id_, type=kind, default=parameter).value_as_string
    return known[id_]


class SharedLayer(Construct):
    """One layer version and the SSM parameter that tells its ARN.

    Attributes:
        version: The layer version.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        staged: StagedLayer,
        runtime: str,
        architectures: Sequence[str],
    ) -> None:
        """Make the layer version.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            staged: Its content.
            runtime: Lambda's name of the Python it is built for.
            architectures: Instruction sets that can use it.
        """
        super().__init__(scope, id_)
        location = zip_asset(self, staged.folder, staged.digest)
        self.version = lambda_.CfnLayerVersion(
            self,
            "Resource",
            content=lambda_.CfnLayerVersion.ContentProperty(
                s3_bucket=location.bucket_name, s3_key=location.object_key
            ),
            compatible_architectures=list(architectures),
            compatible_runtimes=[runtime],
            description=f"{staged.name} {staged.digest[:DIGEST_LENGTH]}",
        )
        # Functions that are rolled back need the layer they were published with.
        keep(self.version)
        ssm.CfnParameter(
            self,
            "Arn",
            type="String",
            name=LayerReference.to(staged).parameter,
            value=self.version.ref,
        )
