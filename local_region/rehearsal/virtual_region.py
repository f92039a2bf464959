"""A region whose time only a rehearsal moves, and whose function processes live in it."""

import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final, Protocol, TypeVar

from local_region.control_loop import Observation
from local_region.issuer import FOLDER
from local_region.lambda_service import Boundary
from local_region.progress import Event
from local_region.region import Region
from local_region.rehearsal import boundary
from local_region.rehearsal.faults import Fault, FaultKind
from local_region.rehearsal.shared_clock import SharedClock

_STATE: Final = "rehearsals"
_OUTSIDE: Final = frozenset({FaultKind.LATENCY, FaultKind.COLD_STORM})
"""What befalls requests, not the code that answers them."""


class Staged(Protocol):
    """What is played in a region: it is told what happens, and says what is observed of it."""

    def told(self, event: Event, /) -> None:
        """Hear what the region says."""

    def observation(self) -> Observation:
        """Return how lines and invocations are seen."""


StageT = TypeVar("StageT", bound=Staged)


@asynccontextmanager
async def virtual_region(
    stable: Path,
    make: Callable[[SharedClock], StageT],
    *,
    seed: int,
    account: str,
    build_folder: Path,
    faults: Sequence[Fault] = (),
    issuer_folder: Path = FOLDER,
) -> AsyncIterator[tuple[StageT, Region]]:
    """Open a region in virtual time and what is played in it; close both.

    Args:
        stable: The assembly that serves.
        make: Given the clock, makes what is played.
        seed: Of everything random, the faults included.
        account: Two at once in one process need two.
        build_folder: Where the interpreter's runtime and functions' code are kept between runs.
        faults: What goes wrong once the clock says so.
        issuer_folder: Where the token issuer is.

    Raises:
        ConfigurationError: The assembly is refused.
    """
    with tempfile.TemporaryDirectory(prefix="falaj-rehearsal-") as folder:
        page = Path(folder) / "page"
        with closing(SharedClock(page)) as clock:
            stage = make(clock)
            async with await Region.open(
                stable,
                api_port=0,
                aws_port=0,
                seed=seed,
                clock=clock,
                progress=stage.told,
                account=account,
                build_folder=build_folder,
                state_folder=build_folder / _STATE,
                ticks=False,
                issuer_folder=issuer_folder,
                boundary=Boundary(
                    program=Path(boundary.__file__),
                    variables={
                        boundary.PAGE: str(page),
                        boundary.PLAN: _plan_of_faults(seed, faults),
                    },
                    clock=clock,
                ),
                observation=stage.observation(),
            ) as region:
                yield stage, region


def _plan_of_faults(seed: int, faults: Sequence[Fault]) -> str:
    inside = [
        (fault.kind.value, fault.value, fault.is_shared)
        for fault in faults
        if fault.kind not in _OUTSIDE
    ]
    return json.dumps({"seed": seed, "faults": inside})
