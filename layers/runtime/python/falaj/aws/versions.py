"""Published versions of a function, and the end of those that no rollback can need."""

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of

_LATEST = "$LATEST"


class Versions:
    """Published versions.

    Args:
        client: A Lambda client.
    """

    def __init__(self, client: Client) -> None:
        self._lambda = client

    def published(self, function: str) -> tuple[str, ...]:
        """List version numbers, ascending.

        Raises:
            DependencyError: Lambda does not answer.
        """
        with calling("lambda", f"list the versions of {function}"):
            pages = self._lambda.get_paginator("list_versions_by_function").paginate(
                FunctionName=function
            )
            found = [entry["Version"] for page in pages for entry in page["Versions"]]
        return tuple(sorted((version for version in found if version != _LATEST), key=int))

    def delete(self, function: str, versions: tuple[str, ...]) -> None:
        """Delete versions; one that an alias names is left, as Lambda says it must.

        Raises:
            DependencyError: Lambda refused or does not answer.

        Source:
            docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html: `Qualifier`; "You can't
            delete a version that an alias references" (ResourceConflictException).
        """
        for version in versions:
            with calling("lambda", f"delete version {version} of {function}"):
                try:
                    self._lambda.delete_function(FunctionName=function, Qualifier=version)
                except ClientError as error:
                    if code_of(error) != "ResourceConflictException":
                        raise
