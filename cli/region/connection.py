"""One region's AWS services, with botocore's exceptions told in this command's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cli.failures import CommandError, ServiceRefusalError, UnreachableError
from cli.region.credentials import refused, unusable
from cli.region.target import Place, Target


@dataclass(slots=True)
class Connection:
    """Makes each boto3 client once.

    Attributes:
        place: The region.
    """

    place: Place
    _clients: dict[str, Any] = field(default_factory=dict)
    _session: Any = None

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return the boto3 client of a service; raises as `translated` does."""
        if service not in self._clients:
            with self.translated(f"let anybody ask its {service}"):
                self._session = self._session or self.place.session()
                self._clients[service] = self.place.client(service, self._session)
        return self._clients[service]

    def whereabouts(self) -> str:
        """Say where this is: on AWS with the account that the credentials are of."""
        if self.place.target is Target.LOCAL:
            return self.place.name
        try:
            with self.translated("say whose credentials these are"):
                account = self.client("sts").get_caller_identity()["Account"]
        except CommandError:
            return self.place.name
        return f"account {account} of {self.place.name}"

    @contextmanager
    def translated(self, doing: str) -> Iterator[None]:
        """Turn botocore's exceptions into this command's.

        Args:
            doing: What was wanted, to read after "would not".

        Raises:
            UnreachableError: The region does not answer.
            CredentialsError: It does not know the credentials, or there are none.
            ServiceRefusalError: It answered with another refusal.
        """
        from botocore import exceptions  # noqa: PLC0415 - as in cli.region.target

        try:
            yield
        except exceptions.ClientError as error:
            told = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            code, message = told.get("Code", "unknown"), told.get("Message", "no reason given")
            sentence = f"{self.place.name} would not {doing}: {code}: {message}"
            raise refused(self.place.name, code, message) or ServiceRefusalError(
                status, {"error": sentence, **told}
            ) from error
        except exceptions.BotoCoreError as error:
            raise unusable(error) or UnreachableError(
                f"{self.place.name} did not {doing} ({error})", mend=self.place.mend
            ) from error
