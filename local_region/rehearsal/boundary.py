"""Runs first in every function process of a rehearsal: virtual time, and libraries that misbehave.

The process's clock is the region's: `datetime.now` and `time.time` read the moment the region wrote
into a shared page. ONNX Runtime's `InferenceSession.run`, a third party's, fails as the rehearsal
asks. Handlers, the shared library and the layers are what the template says, byte for byte.

It needs the standard library alone. Whether a request
is hit depends on the seed, the fault and the request's own trace id, never on scheduling.
"""

import datetime as dt
import hashlib
import importlib.abc
import importlib.machinery
import json
import mmap
import os
import struct
import sys
import time as time_module
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = "_FALAJ_REHEARSAL_PAGE"
PLAN = "_FALAJ_REHEARSAL_PLAN"
HANG = "\x00falaj: hangs"
"""A line that tells the region: this request will not end. It is never shown."""
LAYOUT = struct.Struct("<d?I")
"""Seconds since 1970, whether faults have begun, and stable's version."""

_SESSIONS = "onnxruntime.capi.onnxruntime_inference_collection"
_TRACE = "_X_AMZN_TRACE_ID"  # set for each request by the runtime interface client


def is_hit(seed: int, kind: str, trace: str, count: int, rate: float) -> bool:
    """Say whether a request is hit: the same request by the same seed, always the same answer."""
    digest = hashlib.sha256(f"{seed}/{kind}/{trace}/{count}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < rate


class Page:
    """What the region writes and every process reads."""

    def __init__(self, path: str) -> None:
        with Path(path).open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def now(self) -> float:
        """Return the region's time, in seconds since 1970."""
        return float(LAYOUT.unpack_from(self._bytes)[0])

    def has_begun(self) -> bool:
        """Tell whether faults have begun."""
        return bool(LAYOUT.unpack_from(self._bytes)[1])

    def stable(self) -> str:
        """Name stable's version."""
        return str(LAYOUT.unpack_from(self._bytes)[2])


def follow(page: Page) -> None:
    """Make the process's clock the region's."""
    machine = dt.datetime

    class Kind(type):
        """Whatever made an instant, it is one."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, machine)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, machine)

    class datetime(machine, metaclass=Kind):  # type: ignore[misc, valid-type]  # noqa: N801 - it stands in
        """The region's time instead of the machine's."""

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:  # noqa: ANN401 - as above
            return machine.fromtimestamp(page.now(), tz)

        @classmethod
        def utcnow(cls) -> Any:  # noqa: ANN401 - as above
            return machine.fromtimestamp(page.now(), dt.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:  # noqa: ANN401 - as above
            return machine.fromtimestamp(page.now())

    replaced: Any = dt
    replaced.datetime = datetime
    time: Any = time_module
    time.time = page.now
    time.time_ns = lambda: int(page.now() * 1e9)


class Misbehaviour:
    """Wraps a session's `run`."""

    def __init__(self, page: Page, plan: dict[str, Any]) -> None:
        self._page, self._plan = page, plan
        self._version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]  # noqa: TID251 - Lambda's
        self._trace, self._count = "", 0

    def around(self, run: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """Return a `run` that does what befalls it, and otherwise what it ever did."""

        def misbehaving(session: object, *args: Any, **kwargs: Any) -> list[Any]:  # noqa: ANN401
            kinds = self._kinds()
            if "crash" in kinds:
                os._exit(1)
            if "timeout" in kinds:
                _hang()
            if "errors" in kinds:
                raise _failure("[ONNXRuntimeError] : 1 : FAIL : rehearsed failure")
            outputs = run(session, *args, **kwargs)
            if "label-flip" in kinds:
                outputs = [_flipped(output) for output in outputs]
            return [_not_a_number(output) for output in outputs] if "nan" in kinds else outputs

        return misbehaving

    def _kinds(self) -> frozenset[str]:
        """Name what befalls this run."""
        if not self._page.has_begun():
            return frozenset()
        trace = os.environ.get(_TRACE, "")  # noqa: TID251 - Lambda's
        self._count = self._count + 1 if trace == self._trace else 0
        self._trace = trace
        root = trace.partition(";")[0]
        is_candidate = self._version != self._page.stable()
        return frozenset(
            kind
            for kind, rate, is_shared in self._plan["faults"]
            if (is_shared or is_candidate)
            and is_hit(self._plan["seed"], kind, root, self._count, rate)
        )


def _hang() -> None:
    sys.stdout.write(HANG + "\n")
    sys.stdout.flush()
    while True:
        time_module.sleep(3600)


def _failure(text: str) -> Exception:
    from onnxruntime.capi import (  # type: ignore[import-untyped]  # noqa: PLC0415 - not ours
        onnxruntime_pybind11_state,
    )

    return onnxruntime_pybind11_state.Fail(text)  # type: ignore[no-any-return]


def _not_a_number(output: Any) -> Any:  # noqa: ANN401 - an array, but numpy is not ours to import
    if getattr(output, "dtype", None) is None or output.dtype.kind != "f":
        return output
    spoiled = output.copy()
    spoiled[...] = float("nan")
    return spoiled


def _flipped(output: Any) -> Any:  # noqa: ANN401 - as above
    """Turn an answer round: scores of classes in reverse, a label into its opposite."""
    if getattr(output, "dtype", None) is None:
        return output
    if output.ndim > 1 and output.shape[-1] > 1:
        return output[..., ::-1].copy()
    if output.dtype.kind == "f":
        return (1 - output).astype(output.dtype)
    return (output == 0).astype(output.dtype) if output.dtype.kind in "iub" else output


class Finder(importlib.abc.MetaPathFinder):
    """Lets one module be imported as ever, and then wraps what it defines."""

    def __init__(self, misbehaviour: Misbehaviour) -> None:
        self._misbehaviour = misbehaviour

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module as ever; note when it is the one."""
        if fullname != _SESSIONS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: Any) -> None:  # noqa: ANN401 - a module of ONNX Runtime's
                execute(module)
                session = module.InferenceSession
                session.run = self._misbehaviour.around(session.run)

            loader.exec_module = exec_module
        return spec


def main() -> None:
    """Take over the clock and wait for ONNX Runtime."""
    page = Page(os.environ[PAGE])  # noqa: TID251 - the region's word to this process
    follow(page)
    plan = json.loads(os.environ[PLAN])  # noqa: TID251 - as above
    if plan["faults"]:
        sys.meta_path.insert(0, Finder(Misbehaviour(page, plan)))
