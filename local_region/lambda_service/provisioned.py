"""Provisioned concurrency: which qualifiers may have it.

Source: localstack's test_lambda_api.snapshot.json, test_provisioned_concurrency_exceptions and
test_lambda_provisioned_lifecycle; "Alias with weights" as quoted in public reports of the service's
answer; docs.aws.amazon.com/lambda/latest/dg/snapstart.html excludes SnapStart (wording ours).
"""

from local_region.lambda_service.concurrency import check_provisioned
from local_region.lambda_service.control_plane import ControlPlane
from local_region.lambda_service.names import LATEST, is_version
from local_region.lambda_service.refusals import (
    ConstraintError,
    InvalidParameterValueError,
    ProvisionedConfigNotFoundError,
    ResourceConflictError,
    ResourceNotFoundError,
)
from local_region.lambda_service.values import VersionView


def check_request(plane: ControlPlane, name: str, qualifier: str | None, wanted: int) -> None:
    """Refuse PutProvisionedConcurrencyConfig where Lambda does."""
    if wanted < 1:
        raise ConstraintError(
            value=wanted,
            member="provisionedConcurrentExecutions",
            constraint="Member must have value greater than or equal to 1",
        )
    if qualifier in {None, LATEST}:
        raise InvalidParameterValueError(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    assert qualifier is not None  # noqa: S101 - narrowed by the line above
    version = provisioned_version(plane, name, qualifier)
    _check_version(version)
    _check_conflicts(plane, name, qualifier, version.version)
    share = plane.share(name)
    check_provisioned(
        wanted,
        share.provisioned_total - share.provisioned.get(qualifier, 0),
        share,
        claimed_by_others=plane.claimed(apart_from=name),
        limits=plane.limits,
    )


def provisioned_version(plane: ControlPlane, name: str, qualifier: str) -> VersionView:
    """Return the version that a qualifier's provisioned environments run."""
    alias = plane.find_alias(name, qualifier)
    if alias is None and not is_version(qualifier):
        raise ResourceNotFoundError(f"Cannot find alias arn: {plane.home.arn(name, qualifier)}")
    if alias is not None and alias.weights:
        raise InvalidParameterValueError(
            "Alias with weights can not be used with Provisioned Concurrency"
        )
    return plane.version(name, qualifier)


def _check_version(version: VersionView) -> None:
    if version.version == LATEST:
        raise InvalidParameterValueError(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    if version.settings.snap_start:
        raise InvalidParameterValueError(
            "Provisioned Concurrency is not supported for SnapStart enabled functions."
        )


def _check_conflicts(plane: ControlPlane, name: str, qualifier: str, version: str) -> None:
    provisioned = plane.share(name).provisioned
    if qualifier == version:
        aliases = plane.list_aliases(name, version)
        if any(alias.name in provisioned for alias in aliases):
            raise ResourceConflictError("Version is pointed by a Provisioned Concurrency alias")
    elif version in provisioned:
        raise ResourceConflictError(
            "Alias can't be used for Provisioned Concurrency configuration on an already "
            "Provisioned version"
        )


def check_qualifier(plane: ControlPlane, name: str, qualifier: str | None) -> str:
    """Refuse to look up provisioned concurrency of what cannot have it."""
    if qualifier in {None, LATEST}:
        raise InvalidParameterValueError(
            "The function resource provided must be an alias or a published version."
        )
    assert qualifier is not None  # noqa: S101 - narrowed by the line above
    if plane.find_alias(name, qualifier) is None:
        if not is_version(qualifier):
            raise ResourceNotFoundError(f"Cannot find alias arn: {plane.home.arn(name, qualifier)}")
        plane.version(name, qualifier)
    return qualifier


def existing(plane: ControlPlane, name: str, qualifier: str | None) -> str:
    """Return the qualifier, if it has provisioned concurrency."""
    checked = check_qualifier(plane, name, qualifier)
    if checked not in plane.share(name).provisioned:
        raise ProvisionedConfigNotFoundError
    return checked
