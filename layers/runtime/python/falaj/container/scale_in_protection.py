"""A replica asks not to be taken away while it works.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html:
    `PUT $ECS_AGENT_URI/task-protection/v1/state` with `ProtectionEnabled` and `ExpiresInMinutes`.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

PATH: Final = "/task-protection/v1/state"
EXPIRES: Final = timedelta(minutes=5)
"""A replica that hangs is protected for no longer."""
RENEW: Final = timedelta(minutes=2)
TIMEOUT_S: Final = 2.0

Put = Callable[[str, bytes], None]
"""Sends a body to an address with PUT; raises OSError if it was not taken."""


class ScaleInProtection:
    """Keeps the agent told whether this replica works.

    Busy is what is in flight when it is asked, not what came since: under steady load every
    replica would otherwise always be protected, and none could ever go. A replica that is taken
    all the same drains (falaj.entrypoints.container).

    Args:
        agent_uri: The agent's address.
        put: Sends; by default over HTTP.
    """

    def __init__(self, agent_uri: str, *, put: Put | None = None) -> None:
        self._uri, self._put = f"{agent_uri.rstrip('/')}{PATH}", put or put_over_http
        self._is_protected = False
        self._asked_at: datetime | None = None

    def tell(self, *, is_busy: bool, now: datetime) -> None:
        """Ask for protection, renew it, or give it up; nothing where nothing changed.

        Raises:
            OSError: The agent did not take it; the next call asks again.
        """
        is_old = self._asked_at is None or now - self._asked_at >= RENEW
        if is_busy == self._is_protected and not (is_busy and is_old):
            return
        wanted: dict[str, object] = {"ProtectionEnabled": is_busy}
        if is_busy:
            wanted["ExpiresInMinutes"] = int(EXPIRES.total_seconds()) // 60
        self._put(self._uri, json.dumps(wanted).encode())
        self._is_protected, self._asked_at = is_busy, now


def put_over_http(uri: str, body: bytes) -> None:
    """Send a body with PUT.

    Raises:
        OSError: The agent refused or does not answer.
    """
    # Imported when needed: elsewhere than on ECS a start does without.
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    request = urllib.request.Request(  # noqa: S310 - the agent's address, set by ECS
        uri, data=body, method="PUT", headers={"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - as above
            return
    except urllib.error.HTTPError as refusal:
        refusal.close()  # it is the answer, and holds its connection
        raise
