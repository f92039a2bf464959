"""What a function adds to a request's line for auditors: whom the gateway has found out."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from falaj.capture.recording import NOBODY_ASKED, Keys, Recording
from falaj.capture.records import AUDIT, BEGUN
from falaj.domain.access import AccessMode
from falaj.entrypoints.lambda_callers import caller_in
from falaj.errors import AccessError
from falaj.http.service import Service


class Capture:
    """Describes requests for the audit trail.

    Args:
        keys: Tenants' keys.
        mode: How callers are known.
        tenant_claim: Which claim of a token names the tenant.
        model: The function's model; empty where it has several.
    """

    def __init__(self, keys: Keys, *, mode: AccessMode, tenant_claim: str, model: str = "") -> None:
        self._recording, self._mode, self._claim = Recording(keys), mode, tenant_claim
        self._model, self._fixed = model, dict[str, Any]()

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

    def begun(
        self,
        seen: Mapping[str, Any],
        service: Service,
        now: datetime,
        context: Any,  # noqa: ANN401 - Lambda's context has no public type
    ) -> str:
        """Return the line that a request leaves before it is worked on.

        It is the request's record should its process never get to write the other one, being out of
        time or memory.

        Args:
            seen: What is known of the request.
            service: What answers it.
            now: The time.
            context: Lambda's; its id stands in what Lambda says of the end.
        """
        self._fixed = self._fixed or self._known(service)
        line = {
            "timestamp": now.isoformat(),
            **self._fixed,
            "request_id": getattr(context, "aws_request_id", None),
            AUDIT: {**seen, BEGUN: True},
        }
        return json.dumps(line, separators=(",", ":")) + "\n"

    def _known(self, service: Service) -> dict[str, Any]:
        fixed = {"level": "INFO", "message": BEGUN, "outcome": BEGUN, "model_name": self._model}
        if self._model in service.repository.names:
            manifest = service.repository.manifest(self._model)
            fixed |= {"model_version": str(manifest.version), "model_digest": manifest.sha256}
        return fixed | {"release": service.release, "variant": service.variant or None}
