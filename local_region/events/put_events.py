"""Events that functions and people put on the default bus: moto speaks, our bus delivers.

Source: moto 5.2.5, `moto.events.models.EventsBackend.put_events`: it invokes no function.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.backends import get_backend
from moto.events.models import EventsBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEvent:
    """An event that somebody put on the default bus.

    Attributes:
        source: Who says it comes from them.
        detail_type: Of what kind it is.
        detail: What it says.
        resources: What it is about.
    """

    source: str
    detail_type: str
    detail: dict[str, Any]
    resources: tuple[str, ...] = ()


class PutEvents(EventsBackend):
    """One account's events in one region: moto's, and told of each that is taken.

    Args:
        on_event: Told of every event that moto took, on the thread that put it.
    """

    def __init__(
        self, region_name: str, account_id: str, *, on_event: Callable[[PutEvent], None]
    ) -> None:
        super().__init__(region_name, account_id)
        self._tell = on_event

    def install(self) -> None:
        """Take the place of moto's own backend for this account and region."""
        get_backend("events")[self.account_id][self.region_name] = self

    def reset(self) -> None:
        """Give the account back to moto, which knows how to make its own backend anew."""
        account = get_backend("events")[self.account_id]
        account[self.region_name] = EventsBackend(self.region_name, self.account_id)

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take events; those of the default bus reach its rules."""
        taken = super().put_events(events)
        for event, answer in zip(events, taken, strict=True):
            if "EventId" in answer and event.get("EventBusName") in {None, "default"}:
                self._tell(
                    PutEvent(
                        source=event["Source"],
                        detail_type=event["DetailType"],
                        detail=json.loads(event["Detail"]),
                        resources=tuple(event.get("Resources", ())),
                    )
                )
        return taken
