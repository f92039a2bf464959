"""What a function adds to a request's line for auditors: whom the gateway has found out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from falaj.capture.recording import NOBODY_ASKED, Keys, Recording
from falaj.domain.access import AccessMode
from falaj.entrypoints.lambda_callers import caller_in
from falaj.errors import AccessError


class Capture:
    """Describes requests for the audit trail.

    Args:
        keys: Tenants' keys.
        mode: How callers are known.
        tenant_claim: Which claim of a token names the tenant.
    """

    def __init__(self, keys: Keys, *, mode: AccessMode, tenant_claim: str) -> None:
        self._recording, self._mode, self._claim = Recording(keys), mode, tenant_claim

    @property
    def recording(self) -> Recording:
        """What numbers this process's records."""
        return self._recording

    def seen(self, event: object, body: bytes, now: datetime) -> dict[str, Any]:
        """Return what only the function knows of a request; it never fails."""
        context = event.get("requestContext") if isinstance(event, dict) else None
        if self._mode is AccessMode.OPEN or not isinstance(context, Mapping):
            return self._recording.unnamed(NOBODY_ASKED)
        try:
            caller = caller_in(context, self._mode, self._claim)
        except AccessError as error:
            return self._recording.unnamed(error.code)
        return self._recording.of(caller.tenant, caller.subject, body, now)
