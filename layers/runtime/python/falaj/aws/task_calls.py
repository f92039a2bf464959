"""Signed calls of a task, whose credentials botocore finds and renews.

A function has its role's credentials in its environment, for as long as it lives; a task asks ECS's
agent for them, and again before they end.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html.
"""

from collections.abc import Mapping
from typing import Final

from botocore.session import Session

from falaj.aws.calls import calling
from falaj.aws.signed_calls import Answer, Credentials, SignedCalls
from falaj.domain.clock import Clock
from falaj.errors import DependencyError

TIMEOUT_S: Final = 3.0
"""Nobody waits for these calls but a container that starts."""


class TaskCalls:
    """One AWS service, called as the task's role.

    Args:
        service: Its signing name.
        region: The region.
        clock: Dates signatures.
        endpoint: Its address; AWS's own by default.
        session: Finds credentials.
    """

    def __init__(
        self,
        service: str,
        *,
        region: str,
        clock: Clock,
        endpoint: str = "",
        session: Session | None = None,
    ) -> None:
        self._service, self._region, self._clock = service, region, clock
        self._endpoint, self._session = endpoint, session or Session()

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one call, over a connection of its own: there is one now and then.

        Raises:
            DependencyError: The service did not answer in time, or nobody says who calls.
        """
        with calling(self._service, "be asked: no credentials"):
            found = self._session.get_credentials()
            if found is None:
                raise DependencyError(
                    service=self._service, doing="be asked", reason="the task has no role"
                )
            access_key, secret_key, token, *_ = found.get_frozen_credentials()
        calls = SignedCalls(
            self._service,
            region=self._region,
            credentials=Credentials(access_key or "", secret_key or "", token or ""),
            clock=self._clock,
            endpoint=self._endpoint,
            timeout_s=TIMEOUT_S,
        )
        try:
            return calls.post(path, body, headers=headers)
        finally:
            calls.close()
