"""The statements of IAM and resource policies, wherever a template writes them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from falaj.contract import BOUNDARY_PATH
from policies.application import Resource
from policies.values import at, items

IDENTITY: Final = {
    "AWS::IAM::Role": ("Policies.PolicyDocument",),
    "AWS::IAM::Policy": ("PolicyDocument",),
    "AWS::IAM::ManagedPolicy": ("PolicyDocument",),
    "AWS::IAM::RolePolicy": ("PolicyDocument",),
    "AWS::IAM::UserPolicy": ("PolicyDocument",),
    "AWS::IAM::GroupPolicy": ("PolicyDocument",),
    "AWS::IAM::User": ("Policies.PolicyDocument",),
    "AWS::IAM::Group": ("Policies.PolicyDocument",),
}
"""Where each type says what its bearer may do."""

RESOURCE: Final = {
    "AWS::S3::BucketPolicy": ("PolicyDocument",),
    "AWS::SQS::QueuePolicy": ("PolicyDocument",),
    "AWS::SNS::TopicPolicy": ("PolicyDocument",),
    "AWS::KMS::Key": ("KeyPolicy",),
    "AWS::SecretsManager::ResourcePolicy": ("ResourcePolicy",),
    "AWS::ECR::Repository": ("RepositoryPolicyText",),
    "AWS::Events::EventBusPolicy": ("Statement",),
    "AWS::ApiGateway::RestApi": ("Policy",),
    "AWS::EC2::VPCEndpoint": ("PolicyDocument",),
    "AWS::Backup::BackupVault": ("AccessPolicy",),
    "AWS::DynamoDB::Table": ("ResourcePolicy.PolicyDocument",),
    "AWS::EFS::FileSystem": ("FileSystemPolicy",),
    "AWS::ECR::RegistryPolicy": ("PolicyText",),
    "AWS::EventSchemas::RegistryPolicy": ("Policy",),
    "AWS::Kinesis::ResourcePolicy": ("ResourcePolicy",),
    "AWS::Logs::Destination": ("DestinationPolicy",),
    "AWS::Logs::ResourcePolicy": ("PolicyDocument",),
    "AWS::Oam::Sink": ("Policy",),
    "AWS::OpenSearchService::Domain": ("AccessPolicies",),
    "AWS::S3::AccessPoint": ("Policy",),
    "AWS::S3Tables::TableBucketPolicy": ("ResourcePolicy",),
    "AWS::S3Tables::TablePolicy": ("ResourcePolicy",),
    "AWS::SNS::TopicInlinePolicy": ("PolicyDocument",),
    "AWS::SQS::QueueInlinePolicy": ("PolicyDocument",),
    "AWS::SSM::ResourcePolicy": ("Policy",),
    "AWS::XRay::ResourcePolicy": ("PolicyDocument",),
}
"""Where each type says who may use it."""

TRUST: Final = {"AWS::IAM::Role": ("AssumeRolePolicyDocument",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        effect: `Allow` or `Deny`.
        actions: What it speaks of; `NotAction` is kept apart in `but_actions`.
        but_actions: What it leaves out.
        resources: What it may be done to.
        but_resources: What it may not be done to.
        principals: Who; account numbers, ARNs, services or `*`.
        conditions: When.
        sid: Its name, if it has one.
    """

    effect: str
    actions: tuple[str, ...]
    but_actions: tuple[str, ...]
    resources: tuple[str, ...]
    but_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    conditions: dict[str, Any]
    sid: str = ""

    @property
    def is_allow(self) -> bool:
        """Whether it gives rather than takes."""
        return self.effect == "Allow"

    @property
    def is_open(self) -> bool:
        """Whether it speaks to anyone at all."""
        return any(kind in {"*", "AWS"} and who == "*" for kind, who in self.principals)


def statements(resource: Resource, places: Mapping[str, tuple[str, ...]]) -> Iterator[Statement]:
    """Yield the statements of a resource that stand at its type's places."""
    for place in places.get(resource.type, ()):
        for document in _documents(resource.properties, place):
            yield from _read(document)


def _documents(value: object, place: str) -> Iterator[object]:
    head, _, rest = place.partition(".")
    for item in items(at(value, head)):
        if rest:
            yield from _documents(item, rest)
        else:
            yield item


def _read(document: object) -> Iterator[Statement]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError:
            return
    is_whole = isinstance(document, dict) and "Statement" in document
    for body in items(at(document, "Statement")) if is_whole else items(document):
        if isinstance(body, dict):
            yield Statement(
                effect=str(body.get("Effect", "Allow")),
                actions=_texts(body.get("Action")),
                but_actions=_texts(body.get("NotAction")),
                resources=_texts(body.get("Resource")),
                but_resources=_texts(body.get("NotResource")),
                principals=_principals(body),
                conditions=body.get("Condition") or {},
                sid=str(body.get("Sid", "")),
            )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in items(value))


def _principals(body: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    if body.get("NotPrincipal") and body.get("Effect") != "Deny":
        return (("*", "*"),)  # everyone but those it names
    value = body.get("Principal")
    if isinstance(value, dict):
        return tuple((kind, who) for kind, names in value.items() for who in _texts(names))
    return tuple(("*", who) for who in _texts(value))


_NARROWING: Final = ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool")


def narrowed_by(statement: Statement) -> frozenset[str]:
    """Return the keys by which conditions really narrow a statement, in lower case.

    A negated test, one that only counts where the key is present, and a bare star let others pass.
    """
    return frozenset(
        key.lower()
        for test, keys in statement.conditions.items()
        if test.rpartition(":")[2] in _NARROWING and not test.startswith("ForAllValues")
        for key, wanted in keys.items()
        if not {"*", "**", "arn:*"} & set(map(str, items(wanted)))
    )


def is_boundary(resource: Resource) -> bool:
    """Whether a managed policy is a permission boundary: it bounds rights and gives none.

    Told by its path, which no role may attach (`iam.admin-policy`).
    """
    return (
        resource.type == "AWS::IAM::ManagedPolicy"
        and resource.properties.get("Path") == BOUNDARY_PATH
    )
