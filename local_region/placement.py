"""Where a region lives on this machine."""

from pathlib import Path
from typing import Final, TypedDict

from local_region.control_loop import Observation
from local_region.lambda_service import Boundary

ACCOUNT: Final = "000000000000"
BUILD_FOLDER: Final = Path(".build/host")


class Placement(TypedDict, total=False):
    """Where a region lives on this machine; every field has a default.

    Attributes:
        account: Twelve digits; two regions of one process need two.
        build_folder: Where the interpreter's runtime and host layers are kept between runs.
        state_folder: Where functions' code is kept for the next region as well; forgotten with the
            region by default.
        observation: How functions are seen, and what befalls events; as on AWS by default.
        boundary: What function processes run before their handler; nothing by default.
        ticks: Whether time goes on by itself; a rehearsal calls `tick` instead.
        speed: Seconds of the region that pass in one of the machine's.
        issuer_folder: Where this machine's token issuer and credentials are kept.
        grpc_port: Where gRPC answers; 0 takes free ports.
    """

    account: str
    build_folder: Path
    state_folder: Path
    observation: Observation
    boundary: Boundary
    ticks: bool
    speed: float
    issuer_folder: Path
    grpc_port: int
