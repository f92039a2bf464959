"""Provisioned concurrency on versions, never on the alias: a weighted alias refuses it."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of

_READY = "READY"
_PENDING = "IN_PROGRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmVersions:
    """Which versions have provisioned concurrency.

    Attributes:
        ready: Those whose environments are all up.
        provisioned: Those that have any, ready or not.
        pending: Those being made ready.
    """

    ready: tuple[str, ...] = ()
    provisioned: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()


class Warmth:
    """Keeps environments of versions warm.

    Args:
        client: A Lambda client.
    """

    def __init__(self, client: Client) -> None:
        self._lambda = client

    def read(self, function: str) -> WarmVersions:
        """Return which versions are warm.

        Raises:
            DependencyError: Lambda does not answer.
        """
        with calling("lambda", f"list the provisioned concurrency of {function}"):
            pages = self._lambda.get_paginator("list_provisioned_concurrency_configs").paginate(
                FunctionName=function
            )
            status = {
                config["FunctionArn"].rpartition(":")[2]: config["Status"]
                for page in pages
                for config in page["ProvisionedConcurrencyConfigs"]
            }
        found = {version: state for version, state in status.items() if version.isdigit()}
        return WarmVersions(
            ready=tuple(version for version, state in found.items() if state == _READY),
            provisioned=tuple(found),
            pending=tuple(version for version, state in found.items() if state == _PENDING),
        )

    def request(self, function: str, version: str, count: int) -> None:
        """Ask for `count` warm environments of a version; they take minutes to come.

        Raises:
            DependencyError: Lambda refused or does not answer.
        """
        with calling("lambda", f"warm version {version} of {function}"):
            self._lambda.put_provisioned_concurrency_config(
                FunctionName=function, Qualifier=version, ProvisionedConcurrentExecutions=count
            )

    def release(self, function: str, version: str) -> None:
        """Stop keeping a version warm; one that is gone is no error.

        Raises:
            DependencyError: Lambda refused or does not answer.
        """
        with calling("lambda", f"cool version {version} of {function}"):
            try:
                self._lambda.delete_provisioned_concurrency_config(
                    FunctionName=function, Qualifier=version
                )
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
