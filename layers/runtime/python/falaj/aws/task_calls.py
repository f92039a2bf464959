"""Signed calls of a task, whose credentials botocore finds and renews.

A function has its role's credentials in its environment, for as long as it lives; a task asks ECS's
agent for them, and again before they end.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html.
"""

import threading
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
    """One AWS service, called as the task's role, over a kept connection for each thread.

    Args:
        service: Its signing name.
        region: The region.
        clock: Dates signatures.
        endpoint: Its address; AWS's own by default.
        session: Finds credentials.
        timeout_s: For connecting, and for each answer.
    """

    def __init__(
        self,
        service: str,
        *,
        region: str,
        clock: Clock,
        endpoint: str = "",
        session: Session | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._service, self._region, self._clock = service, region, clock
        self._endpoint, self._session = endpoint, session or Session()
        self._timeout_s, self._kept = timeout_s, threading.local()

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one call.

        Raises:
            DependencyError: The service did not answer in time, or nobody says who calls.
        """
        return self._calls(self._credentials()).post(path, body, headers=headers)

    def close(self) -> None:
        """Drop this thread's connection; its next call opens another."""
        kept: tuple[Credentials, SignedCalls] | None = getattr(self._kept, "made", None)
        if kept is not None:
            kept[1].close()

    def _credentials(self) -> Credentials:
        with calling(self._service, "be asked: no credentials"):
            found = self._session.get_credentials()
            if found is None:
                raise DependencyError(
                    service=self._service, doing="be asked", reason="the task has no role"
                )
            access_key, secret_key, token, *_ = found.get_frozen_credentials()
        return Credentials(access_key or "", secret_key or "", token or "")

    def _calls(self, credentials: Credentials) -> SignedCalls:
        """Return this thread's own; anew where the task's credentials are."""
        kept: tuple[Credentials, SignedCalls] | None = getattr(self._kept, "made", None)
        if kept is not None and kept[0] == credentials:
            return kept[1]
        self.close()
        calls = SignedCalls(
            self._service,
            region=self._region,
            credentials=credentials,
            clock=self._clock,
            endpoint=self._endpoint,
            timeout_s=self._timeout_s,
        )
        self._kept.made = (credentials, calls)
        return calls
