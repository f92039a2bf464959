"""ONNX Runtime as an engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import onnxruntime as ort  # type: ignore[import-untyped]
from onnxruntime.capi import (  # type: ignore[import-untyped]
    onnxruntime_pybind11_state as ort_errors,
)

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec
from falaj.engines.engine import Tensor
from falaj.engines.outside_data import refuse_outside_data
from falaj.errors import ArtefactError, EngineError, InputRefusedError, UnsupportedModelError

DATATYPES: Final = {
    "tensor(bool)": Datatype.BOOL,
    "tensor(uint8)": Datatype.UINT8,
    "tensor(uint16)": Datatype.UINT16,
    "tensor(uint32)": Datatype.UINT32,
    "tensor(uint64)": Datatype.UINT64,
    "tensor(int8)": Datatype.INT8,
    "tensor(int16)": Datatype.INT16,
    "tensor(int32)": Datatype.INT32,
    "tensor(int64)": Datatype.INT64,
    "tensor(float16)": Datatype.FP16,
    "tensor(float)": Datatype.FP32,
    "tensor(double)": Datatype.FP64,
    "tensor(string)": Datatype.BYTES,
}
"""ONNX Runtime's names of element types, and the protocol's."""

MINIMUM_RUNTIME: Final = (1, 24, 4)
"""Older runtimes let a hostile model read local files; requirements pin a newer one."""

_LOG_FATAL: Final = 4  # ONNX Runtime would print callers' values to stderr on a failed run
_REASON_LENGTH: Final = 300

_FAILURES: Final = (
    ort_errors.EPFail,
    ort_errors.EngineError,
    ort_errors.Fail,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotFound,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


class OnnxEngine:
    """One ONNX model on the CPU.

    Args:
        name: What errors call the model.
        model: The bytes of the file; one that names another file is refused.
        threads: Threads inside one operator, at least 1.
        make_session: Loads the bytes in another way than a function does: on other providers, say.

    Raises:
        ArtefactError: The bytes are no model this runtime loads.
        UnsupportedModelError: An input or output is not a tensor.
    """

    def __init__(
        self,
        *,
        name: str,
        model: bytes,
        threads: int = 1,
        make_session: Callable[[bytes], ort.InferenceSession] | None = None,
    ) -> None:
        self.name = name
        refuse_outside_data(name, model)
        with _translated(name):
            self._session = make_session(model) if make_session else _session(model, threads)
        self._signature = ModelSignature(
            inputs=tuple(_spec(name, "input", node) for node in self._session.get_inputs()),
            outputs=tuple(_spec(name, "output", node) for node in self._session.get_outputs()),
        )
        self._run = self._session.run

    @property
    def signature(self) -> ModelSignature:
        """What the graph declares; symbolic dimensions are -1."""
        return self._signature

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers in use, in order of preference."""
        return tuple(self._session.get_providers())

    def run(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> list[Tensor]:
        """Compute the named outputs, in that order.

        Raises:
            InputRefusedError: ONNX Runtime calls an argument invalid (an index out of a table's
                bounds, say).
            EngineError: Any other failure.
        """
        try:
            return self._run(outputs, inputs)  # type: ignore[no-any-return]
        except ort_errors.InvalidArgument as error:
            raise InputRefusedError(model=self.name, reason=_reason(error)) from error
        except (*_FAILURES, UnicodeError, MemoryError) as error:
            raise EngineError(model=self.name, reason=_reason(error)) from error

    def close(self) -> None:
        """Free the session."""
        del self._run, self._session


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except (*_FAILURES, ort_errors.InvalidArgument) as error:
        raise ArtefactError(artefact=f"model '{name}'", reason=_reason(error)) from error


def _session(model: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_FATAL
    # A spinning thread burns the vCPU share that a function is billed for and throttled to.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena keeps its peak for ever; a function is sized for one request at a time.
    options.enable_cpu_mem_arena = False
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _spec(model: str, direction: str, node: ort.NodeArg) -> TensorSpec:
    datatype = DATATYPES.get(node.type)
    if datatype is None:
        raise UnsupportedModelError(
            artefact=f"model '{model}', {direction} '{node.name}'",
            reason=f"its type is {node.type}, the protocol carries tensors of "
            f"{', '.join(sorted(Datatype))}; {_mend(node.type)}",
        )
    return TensorSpec(
        name=node.name,
        datatype=datatype,
        shape=tuple(
            size if isinstance(size, int) and size >= 0 else DYNAMIC for size in node.shape
        ),
    )


def _mend(onnx_type: str) -> str:
    if onnx_type.startswith(("seq(map", "map(")):
        return (
            "`falaj models add` replaces the ZipMap by its tensor; or export with skl2onnx's "
            "options={'zipmap': False}"
        )
    if onnx_type.startswith("seq("):
        return (
            "`falaj models add` joins a sequence of tensors into one; or end the graph in a tensor"
        )
    return "cast it inside the graph"


def _reason(error: BaseException) -> str:
    # What comes before names a node or a file of the runtime's own source.
    text = " ".join(str(error).split()).rpartition("Status Message: ")[2]
    return text if len(text) <= _REASON_LENGTH else f"…{text[-_REASON_LENGTH:]}"
