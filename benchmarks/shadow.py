"""What a shadow costs the caller, and what it costs afterwards.

CPU time per request of the same handler, bare and with a shadow's wrapper, side by side in one
process, pinned to one core; then what the extension does when the caller has the answer: nothing to
copy, and a copy sent to an address of this machine.

    python benchmarks/shadow.py [--rounds N]
"""

import argparse
import gc
import json
import os
import statistics
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import process_time_ns, thread_time_ns
from types import SimpleNamespace

from falaj.aws.shadow_calls import ShadowCalls
from falaj.aws.signed_calls import Credentials, SignedCalls
from falaj.config.settings import Settings
from falaj.domain.clock import SystemClock
from falaj.domain.shadow import ShadowOrder
from falaj.entrypoints.lambda_inference import LambdaInference
from falaj.entrypoints.shadow import Shadowed
from falaj.entrypoints.shadow_answering import ShadowAnswering
from falaj.entrypoints.shadow_copying import Copying
from tests.falaj import onnx_models

CONTEXT = SimpleNamespace(aws_request_id="8f5a3c1e", invoked_function_arn="arn:fn:live")
TURNS = 8
COPIES_SHARE = 20  # of the rounds: sending is slower by an order of magnitude


class Service(BaseHTTPRequestHandler):
    """Parameter Store and Lambda, as far as a shadow asks them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer an order, or take a copy."""
        self.rfile.read(int(self.headers["content-length"]))
        is_order = "x-amz-target" in self.headers
        order = ShadowOrder(stable="12", candidate="13", share=1.0).to_json()
        body = json.dumps({"Parameter": {"Value": order}}).encode() if is_order else b""
        self.send_response(200 if is_order else 202)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Kept:
    """Keeps the work, as the extension's thread would get it."""

    def __init__(self) -> None:
        self.work: Callable[[], None] | None = None

    def then(self, work: Callable[[], None] | None) -> None:
        """Keep it."""
        self.work = work


def median_us(act: Callable[[], object], rounds: int, clock: Callable[[], int]) -> float:
    """Return the median of many rounds."""
    taken = []
    for _ in range(rounds):
        begun = clock()
        act()
        taken.append(clock() - begun)
    return statistics.median(taken) / 1000


def copying_to(url: str) -> Copying:
    """Return the copying of an environment whose AWS lies at an address."""
    signed = {
        name: SignedCalls(
            name,
            region="me-central-1",
            credentials=Credentials("AKID", "secret", "token"),
            clock=SystemClock(),
            endpoint=url,
        )
        for name in ("ssm", "lambda")
    }
    return Copying(
        ShadowCalls(ssm=signed["ssm"], functions=signed["lambda"], parameter="/p", function="fn"),
        model="rows",
        release="12",
        clock=SystemClock(),
        write=lambda _: None,
        pause=lambda _: None,
    )


def event() -> dict[str, object]:
    """Return a row of thirty floats, as API Gateway sends it."""
    row = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}
    return {
        "rawPath": "/v2/models/rows/infer",
        "requestContext": {"http": {"method": "POST"}},
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"inputs": [row]}),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4000)
    rounds = parser.parse_args().rounds
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        onnx_models.write_version(Path(folder), "rows", 1, onnx_models.linear())
        service = onnx_models.service_of(Path(folder), release="12")
    settings = Settings(model_root="models", model_name="rows", release="12", function_name="fn")
    bare = LambdaInference(service, settings, write=lambda _: None)
    kept = Kept()
    copying = copying_to(f"http://127.0.0.1:{server.server_address[1]}")
    answering = ShadowAnswering(service, model="rows", write=lambda _: None)
    wrapped = Shadowed(bare, answering=answering, copying=copying, afterwards=kept)
    asked = event()
    gc.disable()
    before, after = (
        min(taken)
        for taken in zip(
            *(
                [
                    median_us(lambda h=handler: h(asked, CONTEXT), rounds // TURNS, process_time_ns)
                    for handler in (bare, wrapped)
                ]
                for _ in range(TURNS)
            ),
            strict=True,
        )
    )
    work = kept.work
    if work is None:
        raise SystemExit("the wrapper left nothing to do")
    work()  # the order is read and the connection made
    sent = median_us(work, rounds // COPIES_SHARE, thread_time_ns)
    copying._order = None  # noqa: SLF001 - nothing is wanted, and the order is fresh
    idle = median_us(work, rounds, thread_time_ns)
    print(f"the caller waits for, bare handler     {before:8.1f} µs")
    print(f"the caller waits for, with a shadow    {after:8.1f} µs   ×{after / before:.2f}")
    print(f"afterwards, nothing to copy            {idle:8.1f} µs")
    print(f"afterwards, a copy signed and sent     {sent:8.1f} µs")


if __name__ == "__main__":
    main()
