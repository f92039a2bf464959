"""One region's AWS services, with botocore's exceptions told in this command's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cli.failures import ServiceRefusalError, UnreachableError
from cli.region.target import Place


@dataclass(slots=True)
class Connection:
    """Makes each boto3 client once.

    Attributes:
        place: The region.
    """

    place: Place
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return the boto3 client of a service."""
        if service not in self._clients:
            self._clients[service] = self.place.client(service)
        return self._clients[service]

    @contextmanager
    def translated(self, doing: str) -> Iterator[None]:
        """Turn botocore's exceptions into this command's.

        Args:
            doing: What was wanted, to read after "would not".

        Raises:
            UnreachableError: The region does not answer.
            ServiceRefusalError: It answered with a refusal.
        """
        from botocore import exceptions  # noqa: PLC0415 - as in cli.region.target

        try:
            yield
        except exceptions.ClientError as error:
            told = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            reason = f"{told.get('Code', 'unknown')}: {told.get('Message', 'no reason given')}"
            raise ServiceRefusalError(
                status, {"error": f"{self.place.name} would not {doing}: {reason}", **told}
            ) from error
        except exceptions.BotoCoreError as error:
            raise UnreachableError(
                f"{self.place.name} did not {doing} ({error})", mend=self.place.mend
            ) from error
