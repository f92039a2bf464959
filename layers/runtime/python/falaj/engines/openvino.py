"""OpenVINO as an engine: on the CPU, in the precision that was asked for.

Left to itself it computes in bfloat16 where the processor can, and says so nowhere.

Source: docs.openvino.ai/2024/openvino-workflow/running-inference/inference-devices-and-modes/
cpu-device.html ("Floating Point Data Types Specifics") and docs.openvino.ai/2026/about-openvino/
additional-resources/telemetry.html, read 2026-11-22; properties as openvino 2026.4.1 reads them.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

import numpy as np

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.engines.openvino_graphs import limits_of
from falaj.engines.outside_data import refuse_outside_data
from falaj.errors import (
    ArtefactError,
    ConfigurationError,
    EngineError,
    InputRefusedError,
    UnsupportedModelError,
)

# Its converter tells Google Analytics of every import. Without it the package imports all the same
# (openvino/__init__.py), 0.2 s sooner; the image has no openvino-telemetry either.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402 - after its converter is kept out
from openvino.frontend import (  # noqa: E402
    FrontEndManager,
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
)

DATATYPES: Final = {
    "boolean": Datatype.BOOL,
    "u8": Datatype.UINT8,
    "u16": Datatype.UINT16,
    "i8": Datatype.INT8,
    "i16": Datatype.INT16,
    "i32": Datatype.INT32,
    "i64": Datatype.INT64,
    "f16": Datatype.FP16,
    "f32": Datatype.FP32,
}
"""OpenVINO's names of the element types that it computes as they are, and the protocol's."""

DEVICE: Final = "CPU"
PRECISIONS: Final[Mapping[str, str]] = {"fp32": "f32", "bf16": "bf16"}
"""Our words and OpenVINO's."""

_PRECISION, _THREADS, _DEVICES = (
    "INFERENCE_PRECISION_HINT",
    "INFERENCE_NUM_THREADS",
    "EXECUTION_DEVICES",
)
_OUTPUT: Final = "/sink_port_0"
"""What the ONNX frontend appends to an output's name."""
_REASON_LENGTH: Final = 300
_FAILURES: Final = (
    GeneralFailure,
    InitializationFailure,
    NotImplementedFailure,
    OpConversionFailure,
    OpValidationFailure,
    RuntimeError,
)


class OpenVinoEngine:
    """One ONNX model on OpenVINO's CPU plugin.

    Args:
        name: What errors call the model.
        model: The bytes of the file; one that names another file is refused.
        threads: Threads inside one run; 0 for one for each core this process may use.
        precision: `fp32` or `bf16`: what floats are computed in.

    Raises:
        ArtefactError: The bytes are no ONNX model.
        UnsupportedModelError: OpenVINO does not compute it, or not rightly whatever callers send.
        ConfigurationError: It would run on another device, in another precision, or on more threads
            than asked for.
    """

    def __init__(
        self, *, name: str, model: bytes, threads: int = 0, precision: str = "fp32"
    ) -> None:
        self.name = name
        refuse_outside_data(name, model)
        graph = _read(name, model)
        self._limits = limits_of(name, graph)
        self._signature = ModelSignature(
            inputs=tuple(_spec(name, port, "") for port in graph.inputs),
            outputs=tuple(_spec(name, port, _OUTPUT) for port in graph.outputs),
        )
        self._places = {spec.name: n for n, spec in enumerate(self._signature.outputs)}
        wanted = _wanted(threads, PRECISIONS[precision])
        with _unsupported(name):
            self._compiled = ov.Core().compile_model(graph, DEVICE, wanted)
        self.providers = (achieved(name, wanted, self._compiled.get_property),)
        self._idle: list[Any] = []

    @property
    def signature(self) -> ModelSignature:
        """What the graph declares; the open first axis is -1."""
        return self._signature

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Compute the named outputs, in that order; they are the caller's own.

        Each thread at work has a request of its own, kept for the next.

        Raises:
            InputRefusedError: An input is empty or not of the batch's size, or an index outside
                its table: OpenVINO would answer all the same.
            EngineError: The run failed.
        """
        self._check(inputs)
        tensors = [
            ov.Tensor(
                np.require(inputs[spec.name], spec.datatype.numpy_name, ("C", "A", "W")),
                shared_memory=True,
            )
            for spec in self._signature.inputs
        ]
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            for place, tensor in enumerate(tensors):
                request.set_input_tensor(place, tensor)
            request.infer()  # lets go of the interpreter's lock
            made = [request.get_output_tensor(self._places[name]).data.copy() for name in outputs]
        except (RuntimeError, MemoryError) as error:
            raise EngineError(model=self.name, reason=_reason(error)) from error
        self._idle.append(request)
        if not all(tensor.size for tensor in made):  # what its shapes become where they do not fit
            raise EngineError(model=self.name, reason="OpenVINO made an empty tensor of full ones")
        return made

    def close(self) -> None:
        """Free the compiled model."""
        self._idle.clear()
        del self._compiled

    def _check(self, inputs: Mapping[str, Tensor]) -> None:
        rows = {}
        for spec in self._signature.inputs:
            given = inputs[spec.name]
            if not given.size:
                raise self._refused(f"input '{spec.name}' is empty, which OpenVINO cannot run")
            shape = given.shape
            if len(shape) != len(spec.shape) or any(
                size not in {DYNAMIC, got} for size, got in zip(spec.shape, shape, strict=True)
            ):
                raise self._refused(f"input '{spec.name}' has shape {list(shape)}")
            if spec.shape and spec.shape[0] == DYNAMIC:
                rows[spec.name] = shape[0]
            if spec.name in self._limits:
                least, most = self._limits[spec.name]
                if given.min() < least or given.max() > most:
                    raise self._refused(f"values of '{spec.name}' must be in [{least}, {most}]")
        if len(set(rows.values())) > 1:
            raise self._refused(f"inputs hold different numbers of rows: {rows}")

    def _refused(self, reason: str) -> InputRefusedError:
        return InputRefusedError(model=self.name, reason=reason)


def achieved(name: str, wanted: Mapping[str, Any], found: Callable[[str], Any]) -> str:
    """Device and precision that a compiled model runs with, as metrics name it.

    Args:
        name: What errors call the model.
        wanted: Properties it was compiled with.
        found: Reads a property back.

    Raises:
        ConfigurationError: They are not what was asked for.
    """
    device, threads = "+".join(found(_DEVICES)), found(_THREADS)
    precision = found(_PRECISION).to_string()
    provider = f"OpenVINO:{device}:{precision}"
    asked = f"OpenVINO:{DEVICE}:{wanted[_PRECISION]}"
    if provider != asked or threads > wanted[_THREADS]:
        reason = (
            f"model '{name}' was to run on {asked} with {wanted[_THREADS]} threads, and would run "
            f"on {provider} with {threads}: change FALAJ_PRECISION or FALAJ_THREADS"
        )
        raise ConfigurationError([reason])
    return provider


def _wanted(threads: int, precision: str) -> dict[str, Any]:
    return {
        _PRECISION: precision,
        _THREADS: threads or _cores(),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Pinned threads of two containers would meet on the same core.
        "ENABLE_CPU_PINNING": False,
    }


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(name: str, model: bytes) -> Any:  # noqa: ANN401 - openvino has no types
    # This frontend only: `Core.read_model` takes whatever the bytes look like to any of seven.
    frontend = FrontEndManager().load_by_framework("onnx")
    try:
        source = frontend.load(BytesIO(model))
    except _FAILURES as error:
        raise ArtefactError(artefact=f"model '{name}'", reason=_reason(error)) from error
    with _unsupported(name):
        graph = frontend.convert(source)
    if not graph.outputs:
        raise ArtefactError(artefact=f"model '{name}'", reason="it computes nothing")
    return graph


@contextmanager
def _unsupported(name: str) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise UnsupportedModelError(artefact=f"model '{name}'", reason=_reason(error)) from error


def _spec(model: str, port: Any, ending: str) -> TensorSpec:  # noqa: ANN401 - openvino has no types
    name = port.get_node().get_friendly_name().removesuffix(ending)
    held = port.get_element_type().to_string()
    datatype = DATATYPES.get(held)
    if datatype is None or port.get_partial_shape().rank.is_dynamic:
        raise UnsupportedModelError(
            artefact=f"model '{model}', tensor '{name}'",
            reason=f"its type is {held}, and OpenVINO computes tensors of known rank and of "
            f"{', '.join(sorted(DATATYPES.values()))}; cast it inside the graph",
        )
    shape = (size.get_length() if size.is_static else DYNAMIC for size in port.get_partial_shape())
    return TensorSpec(name=name, datatype=datatype, shape=tuple(shape))


def _reason(error: BaseException) -> str:
    # What comes before names a file of its source, what comes after a page on extending it.
    text = " ".join(str(error).split()).rpartition("Summary: ")[2].partition(" To facilitate")[0]
    return text if len(text) <= _REASON_LENGTH else f"…{text[-_REASON_LENGTH:]}"
