"""`falaj up`: opens a region, follows its synthesis until interrupted, and closes it."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

import uvloop

from falaj.contract import GRPC_PORT
from local_region.following import follow
from local_region.issuer import FOLDER
from local_region.progress import Event
from local_region.region import API_PORT, AWS_PORT, Region


def serve(
    cdk_out: Path,
    api_port: int = API_PORT,
    aws_port: int = AWS_PORT,
    seed: int = 0,
    speed: float = 1.0,
    issuer_folder: Path = FOLDER,
    grpc_port: int = GRPC_PORT,
    on_event: Callable[[Event], None] = lambda _: None,
) -> None:
    """Serve an assembly until SIGINT or SIGTERM; everything is closed when this returns.

    A new synthesis into the same folder is deployed into the running region.

    Args:
        cdk_out: The synthesized assembly.
        api_port: Where the API answers.
        aws_port: Where AWS's services answer.
        seed: Of every random choice.
        speed: Seconds of the region that pass in one of the machine's.
        issuer_folder: Where this machine's token issuer and credentials are kept.
        grpc_port: Where gRPC answers, if a model has a container; 0 takes a free port.
        on_event: Told what happens, on the thread that called.

    Raises:
        ConfigurationError: The assembly, a template, an asset or a port is refused.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            _serve(
                cdk_out,
                lambda: Region.open(
                    cdk_out,
                    api_port=api_port,
                    aws_port=aws_port,
                    seed=seed,
                    speed=speed,
                    issuer_folder=issuer_folder,
                    grpc_port=grpc_port,
                    progress=on_event,
                ),
                on_event,
            )
        )


async def _serve(
    cdk_out: Path,
    opened: Callable[[], Coroutine[None, None, Region]],
    on_event: Callable[[Event], None],
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    opening = asyncio.ensure_future(opened())
    waiting = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({opening, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        return
    async with opening.result() as region:
        following = asyncio.ensure_future(follow(region, cdk_out, on_event))
        await asyncio.wait({waiting, following}, return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
