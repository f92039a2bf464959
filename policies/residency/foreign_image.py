"""Containers run our images only."""

import re
from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import Resource, View
from policies.references import undecided, without_placeholders
from policies.rule import Rule

_OURS: Final = re.compile(rf"(\0|\d{{12}})\.dkr\.ecr\.(?:\0|{REGION})\.amazonaws\.com[/:].*|\0")
"""ECR of this region, or a resource of this template; a NUL is what only deployment knows."""
_KEYS: Final = ("Image", "ImageUri")


def _images(resource: Resource) -> Iterator[tuple[str, str]]:
    for path, text in resource.texts:
        if path.rpartition(".")[2] in _KEYS and text not in _KEYS:
            yield path, text


def _check(resource: Resource, view: View) -> Iterator[str]:
    for path, image in _images(resource):
        match = _OURS.fullmatch(without_placeholders(image))
        if match is None or undecided(image, view) or view.is_foreign(match.group(1) or ""):
            yield f"{path} is {image}; push it to a repository of this account and region"


RULE = Rule(
    id="residency.foreign-image",
    title="No image of another registry",
    reason=(
        "An image from a foreign registry is fetched from abroad and is whatever that "
        "registry serves today."
    ),
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html",
    controls=("PDPL-22", "CBUAE-6.3", "ISO-5.23"),
    types=(
        "AWS::ECS::TaskDefinition",
        "AWS::Batch::JobDefinition",
        "AWS::Lambda::Function",
        "AWS::EMRServerless::Application",
        "AWS::SageMaker::Model",
        "AWS::CodeBuild::Project",
    ),
    check=_check,
)
