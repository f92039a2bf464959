"""The container beside what bounds it and what could replace it, in one run on the same models.

    python benchmarks/container.py [--seconds S] [--cases T,G,V,E] [--open] [--granian PYTHON]

T: 100 gradient-boosted trees on 30 floats. G: T plus 4 ms outside the interpreter's lock for each
run, standing for an accelerator. V: a convolutional network on 3×224×224 floats, sent in binary.
E: a 6-layer transformer on 32 int64 tokens, sent in binary.

Contenders: `static` sends T's answer without looking at the request (the limit of our HTTP server);
`raw` runs the engine in a loop without any server, at its best batch; `falaj` is the container;
`uvicorn` and `granian` are the same code behind ASGI; `starlette` is Starlette and orjson on
uvicorn, the way such a server is usually written. Granian runs if an interpreter that has it is
named. Load comes from one process of raw connections; with two cores it has one and the server has
the other. Ratios hold on the machine they were taken on, side by side.
"""

# ruff: noqa: ANN001, ANN002, ANN003, ANN201, ANN202, ANN204, ASYNC251 - a script, read top to bottom

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np
import onnx
import psutil
import uvloop
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).parents[1]
PAUSE_S = 0.004
MAX_BATCH = 64  # every peer's as well
CONNECTIONS = 128  # of the open loop
BOUND_S = 0.010  # of the open loop's p99
NAP_S = 0.0001  # of its generator
SAFE = {"batch_axis": 0, "pad_allowed": False, "batch_invariant": True}


# --------------------------------------------------------------------- models
def trees():
    """Gradient-boosted trees, as scikit-learn makes them."""
    from skl2onnx import to_onnx  # noqa: PLC0415 - the servers do without
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415
    from sklearn.ensemble import GradientBoostingClassifier  # noqa: PLC0415

    rows, labels = load_breast_cancer(return_X_y=True)
    fitted = GradientBoostingClassifier(random_state=0).fit(rows, labels)
    made = to_onnx(fitted, rows[:1].astype(np.float32), options={"zipmap": False}, target_opset=17)
    return made.SerializeToString()


def _weights(rng, name, *shape):
    scale = np.sqrt(2.0 / np.prod(shape[:-1]))
    return numpy_helper.from_array((rng.normal(size=shape) * scale).astype(np.float32), name)


def convolutions():
    """Three strided convolutions, a pooled head."""
    rng, nodes, weights, last = np.random.default_rng(0), [], [], "x"
    for layer, (fan_in, fan_out) in enumerate([(3, 16), (16, 32), (32, 64)]):
        weights.append(_weights(rng, f"w{layer}", fan_out, fan_in, 3, 3))
        nodes += [
            helper.make_node(
                "Conv", [last, f"w{layer}"], [f"c{layer}"], strides=[2, 2], pads=[1, 1, 1, 1]
            ),
            helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
        ]
        last = f"r{layer}"
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["y"]),
    ]
    return _model(nodes, ("x", TensorProto.FLOAT, ["n", 3, 224, 224]), ["n", 64], weights)


def transformer(width=384, layers=6, heads=12, words=1000, length=32):
    """Embedding and encoder layers of MiniLM's sizes, random weights, mean-pooled."""
    rng = np.random.default_rng(0)
    weights = [_weights(rng, "table", words, width)]
    for name, values in (
        ("split", [0, length, heads, width // heads]),
        ("joined", [0, length, width]),
    ):
        weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
    scale = np.array(1 / np.sqrt(width // heads), np.float32)
    weights.append(numpy_helper.from_array(scale, "scale"))
    nodes, last = [helper.make_node("Gather", ["table", "x"], ["h0"])], "h0"

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    for n in range(layers):
        parts = {}
        for part, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            weights.append(_weights(rng, f"{part}w{n}", width, width))
            flat = node("MatMul", [last, f"{part}w{n}"], f"{part}f{n}")
            apart = node("Reshape", [flat, "split"], f"{part}s{n}")
            parts[part] = node("Transpose", [apart], f"{part}{n}", perm=order)
        scores = node("MatMul", [parts["q"], parts["k"]], f"qk{n}")
        shares = node("Softmax", [node("Mul", [scores, "scale"], f"sc{n}")], f"sm{n}", axis=-1)
        mixed = node("Transpose", [node("MatMul", [shares, parts["v"]], f"av{n}")], f"at{n}",
                     perm=[0, 2, 1, 3])  # fmt: skip
        weights += [
            _weights(rng, f"up{n}", width, 4 * width),
            _weights(rng, f"down{n}", 4 * width, width),
        ]
        together = node("Reshape", [mixed, "joined"], f"aj{n}")
        attended = node("Add", [last, together], f"res{n}")
        raised = node("Relu", [node("MatMul", [attended, f"up{n}"], f"u{n}")], f"ru{n}")
        last = node("Add", [attended, node("MatMul", [raised, f"down{n}"], f"d{n}")], f"h{n + 1}")
    node("ReduceMean", [last], "y", axes=[1], keepdims=0)
    return _model(nodes, ("x", TensorProto.INT64, ["n", length]), ["n", width], weights)


def _model(nodes, given, made, weights):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, made)],
        weights,
    )
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_models(root, cases="tgve"):
    """Write them in Triton's layout, and how they are gathered."""
    from falaj.domain.signature import Batching  # noqa: PLC0415
    from tests.falaj.onnx_models import write_version  # noqa: PLC0415

    safe = Batching(**SAFE)
    makers = {"t": trees, "g": trees, "v": convolutions, "e": transformer}
    for name in cases:
        write_version(root, name, 1, makers[name](), batching=safe)
    gathering = {"batching": {"max_batch_size": MAX_BATCH}}
    serving = {"models": dict.fromkeys(cases, gathering)}
    (root / "serving.json").write_text(json.dumps(serving), encoding="utf-8")


def request_of(case, address):
    """A request as bytes on the wire."""
    rng = np.random.default_rng(1)
    shapes = {"t": [1, 30], "g": [1, 30], "v": [1, 3, 224, 224], "e": [1, 32]}
    shape, name, kind = shapes[case], "x", "FP32"
    if case in "tg":
        name = "X"
        values = rng.normal(size=shape).astype(np.float32)
        data = [round(float(value), 4) for value in values.ravel()]
        item = {"name": name, "shape": shape, "datatype": kind, "data": data}
        body, extra = json.dumps({"inputs": [item]}).encode(), ""
    else:
        if case == "e":
            kind, raw = "INT64", rng.integers(0, 1000, shape).astype(np.int64).tobytes()
        else:
            raw = rng.normal(size=shape).astype(np.float32).tobytes()
        item = {
            "name": name,
            "shape": shape,
            "datatype": kind,
            "parameters": {"binary_data_size": len(raw)},
        }
        head = json.dumps({"inputs": [item], "parameters": {"binary_data_output": True}}).encode()
        body, extra = head + raw, f"inference-header-content-length: {len(head)}\r\n"
    return (
        f"POST /v2/models/{case}/infer HTTP/1.1\r\nhost: {address}\r\n{extra}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


# -------------------------------------------------------------------- servers
class Paused:
    """An engine that also waits for a device, without holding the interpreter's lock."""

    def __init__(self, engine):
        self._engine, self.signature = engine, engine.signature

    def run(self, inputs, outputs):
        """Run, then wait."""
        made = self._engine.run(inputs, outputs)
        time.sleep(PAUSE_S)
        return made


def front_of(root, loop):
    """The container's own front on the benchmark's models."""
    from falaj.batching.threads import Threads  # noqa: PLC0415
    from falaj.config.container import ContainerSettings  # noqa: PLC0415
    from falaj.container.front import Front  # noqa: PLC0415
    from falaj.container.ledger import Ledger  # noqa: PLC0415
    from falaj.container.worker import Worker  # noqa: PLC0415
    from falaj.container.workforce import Workforce  # noqa: PLC0415
    from falaj.domain.clock import SystemClock  # noqa: PLC0415
    from falaj.entrypoints.container_models import workforce_of  # noqa: PLC0415

    settings = ContainerSettings(model_root=root, threads=1)
    threads = Threads(loop)
    clock = SystemClock()
    served = workforce_of(settings, loop=loop, threads=threads, clock=clock)
    workers = list(served.workforce)
    for place, worker in enumerate(workers):
        if worker.model.name == "g":
            # Made anew: what its queue has learnt is of the engine without the pause.
            worker.model.engine = Paused(worker.model.engine)
            workers[place] = Worker(
                worker.model, worker.policy, loop=loop, threads=threads, clock=clock
            )
            workers[place].warm_up()
    workforce = Workforce(served.service.repository, workers)
    front = Front(served.service, workforce, Ledger("bench", lambda _: None))
    front.is_ready = True
    return front


async def ours(site, port):
    """Our HTTP server on a site."""
    from falaj.container.http1 import HttpServer  # noqa: PLC0415
    from falaj.container.limits import ConnectionLimits  # noqa: PLC0415
    from falaj.domain.clock import SystemClock  # noqa: PLC0415
    from falaj.entrypoints.container_process import bound_socket  # noqa: PLC0415

    server = HttpServer(
        site, bound_socket("127.0.0.1", port), clock=SystemClock(), limits=ConnectionLimits()
    )
    await server.start()
    await asyncio.Event().wait()


def static_site(exchange):
    """Answer without looking."""
    exchange.reply(200, {"content-type": "application/json"}, STATIC)


STATIC = (
    b'{"model_name":"t","model_version":"1","outputs":[{"name":"label","datatype":"INT64",'
    b'"shape":[1],"data":[1]},{"name":"probabilities","datatype":"FP32","shape":[1,2],'
    b'"data":[0.0021,0.9979]}]}'
)


class AsgiExchange:
    """The container's front behind ASGI."""

    def __init__(self, request):
        self.request, self.on_gone = request, None
        self.answer = asyncio.get_running_loop().create_future()

    def reply(self, status, headers, body):
        """Keep the answer."""
        self.answer.set_result((status, headers, body))

    def reply_ok(self, lines, body):
        """Keep an answer whose headers are written already."""
        pairs = (line.split(": ", 1) for line in lines.decode("latin-1").splitlines())
        self.reply(200, dict(pairs), body)


def asgi_app():
    """The same front for any ASGI server; made on its loop at the first request."""
    from falaj.http.messages import Request  # noqa: PLC0415

    made = {}

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        if not made:
            made["front"] = front_of(os.environ["BENCH_ROOT"], asyncio.get_running_loop())
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        exchange = AsgiExchange(Request(scope["method"], scope["path"], headers, b"".join(chunks)))
        made["front"](exchange)
        status, found, body = await exchange.answer
        pairs = [(name.encode(), value.encode()) for name, value in found.items()]
        pairs.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return app


def starlette_app():
    """Starlette and orjson, one run for each request."""
    import onnxruntime as ort  # noqa: PLC0415
    import orjson  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    root = Path(os.environ["BENCH_ROOT"])
    sessions = {
        name: ort.InferenceSession(
            (root / name / "1" / "model.onnx").read_bytes(),
            options,
            providers=["CPUExecutionProvider"],
        )
        for name in "tgve"
    }

    def infer(name, body, header):
        size = int(header) if header else len(body)
        item = orjson.loads(body[:size])["inputs"][0]
        dtype = np.int64 if item["datatype"] == "INT64" else np.float32
        if "data" in item:
            values = np.array(item["data"], dtype)
        else:
            values = np.frombuffer(body[size:], dtype)
        made = sessions[name].run(None, {item["name"]: values.reshape(item["shape"])})
        if name == "g":
            time.sleep(PAUSE_S)
        outputs = [
            {"name": str(n), "shape": list(y.shape), "data": y.ravel()} for n, y in enumerate(made)
        ]
        return orjson.dumps({"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)

    async def endpoint(request):
        name = request.path_params["model"]
        header = request.headers.get("inference-header-content-length")
        body = await request.body()
        if name == "t":
            answer = infer(name, body, header)
        else:
            answer = await asyncio.to_thread(infer, name, body, header)
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route("/v2/models/{model}/infer", endpoint, methods=["POST"])])


def serve(kind, root, port):
    """Run one contender."""
    os.environ["BENCH_ROOT"] = root
    if kind == "static":
        uvloop.run(ours(static_site, port))
    elif kind == "falaj":
        from falaj.entrypoints.container import SWITCH_S  # noqa: PLC0415

        sys.setswitchinterval(SWITCH_S)

        async def run():
            front = front_of(root, asyncio.get_running_loop())
            gc.collect()
            gc.freeze()  # as the container does
            await ours(front, port)

        uvloop.run(run())
    elif kind == "granian":
        from granian import Granian  # noqa: PLC0415

        Granian(
            "benchmarks.container:APP",
            address="127.0.0.1",
            port=port,
            interface="asgi",
            loop="uvloop",
            log_enabled=False,
        ).serve()
    else:
        import uvicorn  # noqa: PLC0415

        app = asgi_app() if kind == "uvicorn" else starlette_app()
        uvicorn.run(
            app, host="127.0.0.1", port=port, log_level="error", access_log=False,
            http="httptools", loop="uvloop", lifespan="off",
        )  # fmt: skip


# ----------------------------------------------------------------------- load
class Caller(asyncio.Protocol):
    """One connection that asks, reads the answer and tells; `status` is that of the last one."""

    def __init__(self, done):
        self._done, self._got, self._need = done, 0, None
        self.transport, self.status = None, b""

    def connection_made(self, transport):
        """Keep it."""
        self.transport = transport

    def ask(self, data):
        """Send."""
        self._got, self._need = 0, None
        self.transport.write(data)

    def data_received(self, data):
        """Count until the answer is whole."""
        if self._need is None:
            head, _, _ = data.partition(b"\r\n\r\n")
            self.status = head[9:12]
            at = head.lower().index(b"content-length:") + 15
            self._need = len(head) + 4 + int(head[at:].split(b"\r\n", 1)[0])
        self._got += len(data)
        if self._got >= self._need:
            self._done(self)


async def callers_of(port, done, count):
    """Open so many connections."""
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Caller(done), "127.0.0.1", port))[1]
        for _ in range(count)
    ]


def _check(caller):
    if caller.status != b"200":
        raise RuntimeError(f"answered {caller.status}")


async def closed_loop(port, data, callers, seconds, at=None):
    """Every caller asks again as soon as it is answered; returns latencies.

    `at` takes the time of each answer.
    """
    latencies, began = [], {}
    end = time.perf_counter() + seconds

    def done(caller):
        _check(caller)
        now = time.perf_counter()
        latencies.append(now - began[caller])
        if at is not None:
            at.append(now)
        if now < end:
            began[caller] = now
            caller.ask(data)

    held = await callers_of(port, done, callers)
    for caller in held:
        began[caller] = time.perf_counter()
        caller.ask(data)
    await asyncio.sleep(seconds + 0.2)
    for caller in held:
        caller.transport.close()
    return latencies


def steady_rate(at, callers, seconds):
    """Answers a second between the first round's last one and the last.

    Counting those of a fixed time favours large, slow batches: one more may just end within it.
    """
    if len(at) < 2 * callers:
        return len(at) / seconds
    return (len(at) - callers) / (at[-1] - at[callers - 1])


async def open_loop(port, data, rate, seconds):
    """Requests at Poisson times, whether or not earlier ones are answered; returns latencies."""
    latencies, idle, due, began = [], deque(), deque(), {}

    def start(caller, at):
        began[caller] = at
        caller.ask(data)

    def done(caller):
        _check(caller)
        latencies.append(time.perf_counter() - began[caller])
        if due:
            start(caller, due.popleft())
        else:
            idle.append(caller)

    held = await callers_of(port, done, CONNECTIONS)
    idle.extend(held)
    rng, at = random.Random(0), time.perf_counter()
    end = at + seconds
    while at < end:
        at += rng.expovariate(rate)
        while (left := at - time.perf_counter()) > 0:
            # Never spins: Linux stops a real-time process that does for 50 ms of each second, which
            # is every server's p99, and one that shares its cores with servers keeps them waiting.
            await asyncio.sleep(0 if left < 0.002 else left - 0.001)
            time.sleep(min(NAP_S, max(0.0, at - time.perf_counter())))
        if idle:
            start(idle.popleft(), at)
        else:
            due.append(at)
    await asyncio.sleep(0.3)
    unanswered = len(due) + len(held) - len(idle)
    for caller in held:
        caller.transport.close()
    return latencies + [float("inf")] * unanswered or [float("inf")]


def raw_engine(root, case):
    """The engine as the container makes it."""
    from falaj.engines.onnx import OnnxEngine  # noqa: PLC0415
    from falaj.engines.providers import ProviderPlan, session_for  # noqa: PLC0415

    def make(model):
        return session_for(ProviderPlan(), name=case, model=model, threads=1)

    content = (Path(root) / case / "1" / "model.onnx").read_bytes()
    return OnnxEngine(name=case, model=content, make_session=make)


def raw_best(root, case, seconds):
    """Rows a second of the engine without a server, at its best batch."""
    engine = raw_engine(root, case)
    spec = engine.signature.inputs[0]
    names = [output.name for output in engine.signature.outputs]
    best = 0.0
    for rows in (1, 8, 32):
        shape = (rows, *spec.shape[1:])
        inputs = {spec.name: np.ones(shape, spec.datatype.numpy_name)}
        engine.run(inputs, names)
        runs, end = 0, time.perf_counter() + seconds / 3
        began = time.perf_counter()
        while time.perf_counter() < end:
            engine.run(inputs, names)
            if case == "g":
                time.sleep(PAUSE_S)
            runs += 1
        best = max(best, runs * rows / (time.perf_counter() - began))
    return best


@contextlib.contextmanager
def started(kind, root, port, python):
    """A contender's process, answering."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/runtime/python'}"}
    if python != sys.executable:
        env["PYTHONPATH"] += ":" + next(path for path in sys.path if "site-packages" in path)
    env["BENCH_ROOT"] = root
    command = [python, str(Path(__file__)), "--serve", kind, "--root", root, "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=env)
    try:
        data = request_of("t", f"127.0.0.1:{port}")
        while True:
            with contextlib.suppress(OSError):
                asyncio.run(closed_loop(port, data, 1, 0.01))
                break
            time.sleep(0.02)
            if process.poll() is not None or time.perf_counter() - began > 30:
                raise RuntimeError(f"{kind} did not start")
        yield process, time.perf_counter() - began - 0.21
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def _cpu(process):
    held = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in held)


def _line(kind, case, callers, latencies, seconds, cpu_s):
    if not latencies:
        print(f"{kind:10} {case.upper()} {callers:>4} answered nothing in time", flush=True)
        return
    latencies.sort()
    rate = len(latencies) / seconds
    p50, p99 = statistics.median(latencies), latencies[int(0.99 * (len(latencies) - 1))]
    print(
        f"{kind:10} {case.upper()} {callers:>4} {rate:>9.0f} req/s  p50 {p50 * 1e3:7.2f} ms  "
        f"p99 {p99 * 1e3:7.2f} ms  cpu {cpu_s / len(latencies) * 1e6:7.0f} µs",
        flush=True,
    )


def main():
    """Print every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cases", default="T,G,V,E")
    parser.add_argument("--callers", default="1,8,32,64")
    parser.add_argument("--contenders", default="static,falaj,uvicorn,starlette")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--granian", metavar="PYTHON", default="")
    parser.add_argument("--serve")
    parser.add_argument("--root")
    parser.add_argument("--port", type=int)
    asked = parser.parse_args()
    if asked.serve:
        return serve(asked.serve, asked.root, asked.port)
    with tempfile.TemporaryDirectory() as root:
        write_models(Path(root))
        cases = asked.cases.lower().split(",")
        for case in cases:
            print(
                f"raw        {case.upper()}      {raw_best(root, case, asked.seconds):>9.0f} rows/s"
            )
        pythons = dict.fromkeys(asked.contenders.split(","), sys.executable)
        if asked.granian:
            pythons["granian"] = asked.granian
        for kind, python in pythons.items():
            port = free_port()
            with started(kind, root, port, python) as (process, start_s):
                _measure(kind, process, start_s, port, cases, asked)
    return None


def free_port():
    """A port nobody uses now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def _measure(kind, process, start_s, port, cases, asked):
    for case in cases if kind != "static" else ["t"]:
        data = request_of(case, f"127.0.0.1:{port}")
        for callers in map(int, asked.callers.split(",")):
            uvloop.run(closed_loop(port, data, callers, 0.3))
            before = _cpu(process)
            latencies = uvloop.run(closed_loop(port, data, callers, asked.seconds))
            _line(kind, case, callers, latencies, asked.seconds, _cpu(process) - before)
    if asked.open:
        best, data = 0, request_of("t", f"127.0.0.1:{port}")
        for rate in (1000, 2000, 4000, 6000, 8000, 11000, 15000, 20000, 27000, 36000):
            latencies = sorted(uvloop.run(open_loop(port, data, rate, asked.seconds)))
            if latencies[int(0.99 * (len(latencies) - 1))] > BOUND_S:
                break
            best = rate
        print(f"{kind:10} T open loop: {best} req/s with p99 < 10 ms")
    held = psutil.Process(process.pid).memory_info().rss / 2**20
    print(f"{kind:10} start {start_s:.2f} s, memory {held:.0f} MB", flush=True)


def __getattr__(name):
    if name == "APP":
        return asgi_app()
    raise AttributeError(name)


if __name__ == "__main__":
    sys.exit(main())
