"""What losing zones does to a rehearsed model: less room, and who is answered all the same."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Self

from falaj.contract import shed_level_parameter
from falaj.domain.clock import Clock
from falaj.domain.quota import LAST
from local_region.gateway.messages import Request, Response
from local_region.issuer import LocalIssuer
from local_region.lambda_service import Invoked, LambdaService
from local_region.region import Region
from local_region.rehearsal.callers import Tokens
from local_region.rehearsal.scenario import Scenario
from local_region.rehearsal.tally import Tally
from local_region.rehearsal.traffic import Arrival
from local_region.rehearsal.zone_room import ZoneRoom

SHED_LINE: Final = '"outcome": "shed"'
"""What a function writes of a request whose priority has to wait (falaj.entrypoints.guarded)."""
_RETRY_AFTER: Final = "retry-after"


@dataclass(slots=True, kw_only=True)
class ZoneLoss:
    """Room for one function, and its callers.

    Attributes:
        region: Where zones are lost.
        function: Whose room it is.
        model: Whose callers.
        room: What the zones that are left hold.
        tally: What callers were answered.
        tokens: What callers show; None where nobody is asked for anything.
    """

    region: Region
    function: str
    model: str
    room: ZoneRoom
    tally: Tally
    tokens: Tokens | None
    _was_told: bool = False

    @classmethod
    def of(
        cls, scenario: Scenario, region: Region, function: str, *, clock: Clock, issuer: Path
    ) -> Self:
        """Prepare for what a scenario asks for.

        Args:
            scenario: Traffic, load and callers.
            region: Where zones may be lost.
            function: The model's function.
            clock: The virtual time.
            issuer: Folder of the token issuer that the stacks believe.
        """
        model = scenario.model
        scopes = [f"model:{model}:invoke"]
        tokens = Tokens(LocalIssuer.open(issuer), clock, scopes) if scenario.callers else None
        room = ZoneRoom(
            traffic_rps=scenario.traffic_rps, load_share=scenario.load_share, now=clock.now()
        )
        return cls(
            region=region, function=function, model=model, room=room, tally=Tally(), tokens=tokens
        )

    def follow(self, lost: int, now: datetime) -> None:
        """Let so many zones be lost from now on."""
        self.tally.zones_lost = lost
        self.room.lose(lost, now)
        functions = self.region.functions
        check = partial(self._check, functions) if lost else None
        functions.bound(self.function, check)

    def _check(self, functions: LambdaService) -> None:
        self.room.check(functions.now())

    def took(self, invoked: Invoked, milliseconds: float) -> None:
        """Count the work of an invocation, if it is this function's and took place."""
        if invoked.function == self.function and not invoked.is_throttled:
            self.room.took(milliseconds)

    def signed(self, arrival: Arrival) -> Request:
        """Return a request with what its caller shows."""
        request = arrival.request
        if self.tokens is None or arrival.caller is None:
            return request
        return replace(request, headers=(*request.headers, self.tokens.header(arrival.caller)))

    def answered(self, arrival: Arrival, response: Response, *, at_s: float) -> None:
        """Count what a caller was answered."""
        if arrival.caller is None:
            return
        names = {name.lower() for name, _ in response.headers}
        self.tally.answered(
            at_s,
            arrival.caller.priority,
            response.status,
            has_retry_after=_RETRY_AFTER in names,
        )

    def heard_of(self, parameter: str) -> None:
        """Note that a parameter changed."""
        self._was_told |= parameter == shed_level_parameter(self.model)

    def new_level(self) -> str:
        """Say who waits from now on, once after the level has changed; empty otherwise."""
        if not self._was_told:
            return ""
        self._was_told = False
        ssm = self.region.backends.client("ssm")
        found = ssm.get_parameter(Name=shed_level_parameter(self.model))["Parameter"]["Value"]
        self.tally.admitted = admitted = int(json.loads(found)["admitted"])
        if admitted == LAST:
            return "nobody waits any more: priorities 1 to 5 are answered"
        who = f"priorities {admitted + 1} to {LAST} wait"
        if admitted == LAST - 1:
            who = f"priority {LAST} waits"
        return f"{who} with 429, 1 to {admitted} are answered"
