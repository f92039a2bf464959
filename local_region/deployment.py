"""Applies a stack as CloudFormation would: create, update, replace, and then clean up."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local_region.assembly import Stack
from local_region.errors import TemplateError
from local_region.progress import Change
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.registry import KINDS
from local_region.template.intrinsics import (
    NO_VALUE,
    Physical,
    Scope,
    UnresolvableError,
    condition_holds,
    resolve,
)
from local_region.template.references import creation_order

_SSM_TYPES: Final = ("AWS::SSM::Parameter::Value<", "AWS::SSM::Parameter::Name")
_RETAINING: Final = frozenset({"Retain", "RetainExceptOnCreate"})
_SECTIONS: Final = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A resource that exists, and the declaration it was made from."""

    declared: Declared
    physical: Physical
    is_kept_when_removed: bool
    is_kept_when_replaced: bool


class Deployment:
    """What is deployed, stack by stack."""

    def __init__(self, region: Surroundings) -> None:
        self._region = region
        self._report: Callable[[Change], None] = lambda _: None
        self.stacks: dict[str, dict[str, Deployed]] = {}
        self.outputs: dict[str, dict[str, Any]] = {}

    async def apply(self, stack: Stack, report: Callable[[Change], None]) -> None:
        """Bring one stack to what its template says, and report each change.

        Raises:
            TemplateError: The template says what is not known here, or a resource is refused.
        """
        self._report = report
        _check_sections(stack)
        before = self.stacks.get(stack.name, {})
        after: dict[str, Deployed] = {}
        self.stacks[stack.name] = after
        try:
            await self._bring(stack, before, after)
        except BaseException:
            self.stacks[stack.name] = {**before, **after}
            raise
        await self._clean(stack, before, after)

    async def _bring(
        self, stack: Stack, before: Mapping[str, Deployed], after: dict[str, Deployed]
    ) -> None:
        resources = stack.template.get("Resources", {})
        scope = self._scope(stack, after)
        with _named(stack, "Resources", "the template"):
            order = creation_order(resources)
            wanted = [name for name in order if _is_wanted(resources[name], scope)]
        for logical_id in wanted:
            body = resources[logical_id]
            kind = _kind(stack, logical_id, body["Type"])
            with _named(stack, logical_id, body["Type"]):
                properties = resolve(body.get("Properties", {}), scope)
            declared = Declared(
                stack=stack,
                account=self._region.account,
                logical_id=logical_id,
                type=body["Type"],
                properties=properties,
            )
            after[logical_id] = Deployed(
                declared=declared,
                physical=await self._one(kind, declared, before.get(logical_id)),
                is_kept_when_removed=body.get("DeletionPolicy") in _RETAINING,
                is_kept_when_replaced=body.get("UpdateReplacePolicy") in _RETAINING,
            )
            # A region that is being updated goes on answering requests.
            await asyncio.sleep(0)
        with _named(stack, "Outputs", "the template"):
            self.outputs[stack.name] = {
                name: resolve(output["Value"], scope)
                for name, output in stack.template.get("Outputs", {}).items()
            }

    async def _one(self, kind: Kind, declared: Declared, old: Deployed | None) -> Physical:
        if old is None or old.declared.type != declared.type:
            return await self._do("create", declared, kind.create(declared, self._region))
        changed = {
            name
            for name in old.declared.properties.keys() | declared.properties.keys()
            if old.declared.properties.get(name) != declared.properties.get(name)
        }
        if not changed:
            return old.physical
        if kind.update is None or changed & kind.replaced_by:
            return await self._do("replace", declared, kind.create(declared, self._region))
        return await self._do("update", declared, kind.update(old.physical, declared, self._region))

    async def _do(self, action: str, declared: Declared, work: Any) -> Physical:  # noqa: ANN401
        try:
            physical: Physical = await work
        except (ClientError, BotoCoreError) as error:
            raise declared.error(f"{action} refused: {error}") from error
        except KeyError as error:
            raise declared.error(f"the property {error} is missing") from error
        self._report(
            Change(
                stack=declared.stack.name,
                logical_id=declared.logical_id,
                type=declared.type,
                action=action,
            )
        )
        return physical

    async def _clean(
        self, stack: Stack, before: Mapping[str, Deployed], after: Mapping[str, Deployed]
    ) -> None:
        for logical_id, old in reversed(list(before.items())):
            new = after.get(logical_id)
            if new is None and old.is_kept_when_removed:
                continue
            if new is not None and (
                new.physical.ref == old.physical.ref or old.is_kept_when_replaced
            ):
                continue
            await KINDS[old.declared.type].delete(old.physical, self._region)
            if new is None:
                self._report(
                    Change(
                        stack=stack.name,
                        logical_id=logical_id,
                        type=old.declared.type,
                        action="delete",
                    )
                )

    def _scope(self, stack: Stack, after: Mapping[str, Deployed]) -> Scope:
        region = self._region
        return Scope(
            parameter=lambda name: self._parameter(stack, name),
            resources=_Physicals(after),
            pseudo={
                "AWS::AccountId": region.account,
                "AWS::NoValue": NO_VALUE,
                "AWS::NotificationARNs": [],
                "AWS::Partition": "aws",
                "AWS::Region": region.region,
                "AWS::StackId": region.arn("cloudformation", f"stack/{stack.name}/local"),
                "AWS::StackName": stack.name,
                "AWS::URLSuffix": "amazonaws.com",
            },
            ssm=self._ssm,
            conditions=stack.template.get("Conditions", {}),
        )

    def _parameter(self, stack: Stack, name: str) -> Any:  # noqa: ANN401
        parameter = stack.template.get("Parameters", {})[name]
        if "Default" not in parameter:
            raise UnresolvableError(f"the parameter {name!r} has no default")
        default = parameter["Default"]
        if not str(parameter["Type"]).startswith(_SSM_TYPES):
            return default
        try:
            text = self._ssm(default)
            return text.split(",") if "<List<" in str(parameter["Type"]) else text
        except KeyError as error:
            raise UnresolvableError(
                f"the parameter {name!r} reads SSM parameter {default!r}, which no stack has "
                "written; is a stack missing or deployed too late?"
            ) from error

    def _ssm(self, name: str) -> str:
        client = self._region.aws.client("ssm")
        try:
            return str(client.get_parameter(Name=name)["Parameter"]["Value"])
        except client.exceptions.ParameterNotFound as error:
            raise KeyError(name) from error


class _Physicals(Mapping[str, Physical]):
    """What has been created so far, read through as it grows."""

    def __init__(self, deployed: Mapping[str, Deployed]) -> None:
        self._deployed = deployed

    def __getitem__(self, name: str) -> Physical:
        return self._deployed[name].physical

    def __iter__(self) -> Iterator[str]:
        return iter(self._deployed)

    def __len__(self) -> int:
        return len(self._deployed)


def _check_sections(stack: Stack) -> None:
    unknown = sorted(stack.template.keys() - _SECTIONS)
    if unknown:
        raise TemplateError(
            stack=stack.name,
            logical_id="-",
            resource_type="template",
            reason=f"the sections {', '.join(unknown)} are not known here",
        )


def _is_wanted(body: Mapping[str, Any], scope: Scope) -> bool:
    return "Condition" not in body or condition_holds(body["Condition"], scope)


def _kind(stack: Stack, logical_id: str, resource_type: str) -> Kind:
    kind = KINDS.get(resource_type)
    if kind is None:
        raise TemplateError(
            stack=stack.name,
            logical_id=logical_id,
            resource_type=resource_type,
            reason="this type is not known to the local region (docs/reference/local-region.md)",
        )
    return kind


@contextmanager
def _named(stack: Stack, logical_id: str, resource_type: str) -> Iterator[None]:
    """Say where an expression stands that has no value."""
    try:
        yield
    except UnresolvableError as error:
        raise TemplateError(
            stack=stack.name, logical_id=logical_id, resource_type=resource_type, reason=str(error)
        ) from error
