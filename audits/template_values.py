"""An assembly with every intrinsic replaced by the value it would have, without deploying it.

Names that AWS would generate are stood for by ones that say what they are: what matters is that two
references to one thing give one value, and two things never do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from falaj.contract import REGION
from local_region.assembly import Assembly, Stack
from local_region.template.intrinsics import (
    NO_VALUE,
    Physical,
    Scope,
    UnresolvableError,
    resolve,
)

ACCOUNT: Final = "000000000000"
PUBLISHED: Final = "13"
"""Stands for the version that each model's stack publishes."""
ZONE: Final = "Z0000000"
STABLE: Final = "12"
"""Stands for the version that serves before."""

_SERVICES: Final = {
    "AWS::Lambda::Function": ("lambda", "function:"),
    "AWS::SQS::Queue": ("sqs", ""),
    "AWS::SNS::Topic": ("sns", ""),
    "AWS::Events::Rule": ("events", "rule/"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "alarm:"),
}
_ARN_BY_REF: Final = frozenset({"AWS::SNS::Topic", "AWS::Lambda::Alias", "AWS::Lambda::Version"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource with its values.

    Attributes:
        stack: Its stack's name.
        logical_id: Its name in the template.
        kind: Its CloudFormation type.
        properties: Resolved.
        ref: What `Ref` gives.
        arn: Its ARN.
    """

    stack: str
    logical_id: str
    kind: str
    properties: Mapping[str, Any]
    ref: str
    arn: str


class _Attributes(Mapping[str, Any]):
    """Any attribute of a resource: its ARN, the published version, or a name of its own."""

    def __init__(self, name: str, arn: str) -> None:
        self._name, self._arn = name, arn

    def __getitem__(self, attribute: str) -> Any:  # noqa: ANN401 - as attributes are
        known = {
            "Arn": self._arn,
            "Version": PUBLISHED,
            "QueueName": self._name,
            "DnsEntries": [f"{ZONE}:{self._name}.example"],  # of a VPC endpoint: a list
        }
        return known.get(attribute, f"{self._name}.{attribute}")

    def __contains__(self, attribute: object) -> bool:
        return isinstance(attribute, str)

    def __iter__(self) -> Iterator[str]:
        return iter(("Arn",))

    def __len__(self) -> int:
        return 1


def read_resources(
    cdk_out: Path, kinds: frozenset[str], unreadable: Callable[[str, str, str], None]
) -> tuple[Resource, ...]:
    """Return an assembly's resources of some types, resolved.

    Args:
        cdk_out: The synthesized assembly.
        kinds: CloudFormation types that are asked for.
        unreadable: Told the stack, logical id and reason of what has no value.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
    """
    ssm: dict[str, str] = {}
    found: list[Resource] = []
    for stack in Assembly.read(cdk_out).stacks:
        scope = _scope(stack, ssm)
        for logical_id, body in stack.template.get("Resources", {}).items():
            if body["Type"] not in kinds | {"AWS::SSM::Parameter"}:
                continue
            try:
                resource = _resource(stack, logical_id, body, scope)
            except UnresolvableError as error:
                unreadable(stack.name, logical_id, str(error))
                continue
            found.append(resource)
            if resource.kind == "AWS::SSM::Parameter":
                ssm[resource.properties["Name"]] = str(resource.properties["Value"])
    return tuple(resource for resource in found if resource.kind in kinds)


def _resource(stack: Stack, logical_id: str, body: Mapping[str, Any], scope: Scope) -> Resource:
    physical = scope.resources[logical_id]
    return Resource(
        stack=stack.name,
        logical_id=logical_id,
        kind=body["Type"],
        properties=resolve(body.get("Properties", {}), scope),
        ref=physical.ref,
        arn=physical.attributes["Arn"],
    )


def _scope(stack: Stack, ssm: Mapping[str, str]) -> Scope:
    return Scope(
        parameter=lambda name: _parameter(stack, name, ssm),
        resources={
            logical_id: _physical(stack, logical_id, body)
            for logical_id, body in stack.template.get("Resources", {}).items()
        },
        pseudo={
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        },
        ssm=lambda name: ssm[name],
        conditions=stack.template.get("Conditions", {}),
    )


def _physical(stack: Stack, logical_id: str, body: Mapping[str, Any]) -> Physical:
    given = body.get("Properties", {}).get("AlarmName")
    name = given if isinstance(given, str) else f"{stack.name}-{logical_id}"
    service, prefix = _SERVICES.get(body["Type"], ("cloudformation", "resource/"))
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{prefix}{name}"
    ref = arn if body["Type"] in _ARN_BY_REF else name
    return Physical(ref=ref, attributes=_Attributes(name, arn))


def _parameter(stack: Stack, name: str, ssm: Mapping[str, str]) -> Any:  # noqa: ANN401
    parameter = stack.template.get("Parameters", {})[name]
    default = parameter.get("Default")
    if not str(parameter["Type"]).startswith("AWS::SSM::Parameter::"):
        return default
    # What another account's stack or an operator writes has no value here, but one of its own.
    return ssm.get(default, f"ssm:{default}")
