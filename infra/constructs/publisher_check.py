"""Nothing goes to AWS unnoticed under a key that lies on somebody's machine."""

from typing import Final

from aws_cdk import Annotations, Stack

from infra.config.deployment import Deployment, Platform

_UNPINNED: Final = (
    "The manifests are signed by a throw-away key of this machine: whoever reads its files can "
    "sign models that functions believe, and whoever builds elsewhere makes another release. Run "
    "`falaj models sign --target aws` and set falaj:publisherKey to what it prints; "
    "`cdk deploy --strict` refuses to go on without."
)


def warn_of_throw_away_publisher(stack: Stack, deployment: Deployment) -> None:
    """Leave a warning in what goes to Lambda without a pinned publisher, a trial included."""
    if deployment.platform is Platform.LAMBDA and not deployment.pinned_publisher:
        Annotations.of(stack).add_warning_v2("falaj:throw-away-publisher", _UNPINNED)
