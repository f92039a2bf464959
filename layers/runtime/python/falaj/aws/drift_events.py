"""Changes of verdict as events, for whoever retrains."""

import json
from collections.abc import Mapping
from typing import Any

from falaj.aws.calls import Client, calling
from falaj.contract import DRIFT_CHANGE, DRIFT_SOURCE
from falaj.errors import DependencyError


class DriftEvents:
    """Publishes to the account's default bus.

    Args:
        events: An EventBridge client.
    """

    def __init__(self, events: Client) -> None:
        self._events = events

    def publish(self, detail: Mapping[str, Any]) -> None:
        """Tell of one change.

        Raises:
            DependencyError: EventBridge refused or does not answer.

        Source:
            docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html: an entry that
            was not taken is counted in `FailedEntryCount` of an answer that is no error.
        """
        entry = {
            "Source": DRIFT_SOURCE,
            "DetailType": DRIFT_CHANGE,
            "Detail": json.dumps(detail, ensure_ascii=False),
        }
        with calling("events", "take a change of verdict"):
            answer = self._events.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            said = answer["Entries"][0]
            raise DependencyError(
                service="events",
                doing="take a change of verdict",
                reason=f"{said.get('ErrorCode')}: {said.get('ErrorMessage')}",
            )
