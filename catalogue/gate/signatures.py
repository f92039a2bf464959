"""An ONNX graph's inputs and outputs, in the protocol's terms."""

from collections.abc import Mapping
from typing import Final

from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from catalogue.gate.refusal import Refusal
from falaj.domain.tensors import DYNAMIC, Datatype, TensorSpec

DATATYPES: Final[Mapping[int, Datatype]] = {
    TensorProto.BOOL: Datatype.BOOL,
    TensorProto.UINT8: Datatype.UINT8,
    TensorProto.UINT16: Datatype.UINT16,
    TensorProto.UINT32: Datatype.UINT32,
    TensorProto.UINT64: Datatype.UINT64,
    TensorProto.INT8: Datatype.INT8,
    TensorProto.INT16: Datatype.INT16,
    TensorProto.INT32: Datatype.INT32,
    TensorProto.INT64: Datatype.INT64,
    TensorProto.FLOAT16: Datatype.FP16,
    TensorProto.FLOAT: Datatype.FP32,
    TensorProto.DOUBLE: Datatype.FP64,
    TensorProto.STRING: Datatype.BYTES,
}


def input_infos(graph: GraphProto) -> list[ValueInfoProto]:
    """Return what a caller must send; older exporters list initialisers among the inputs too."""
    held = {tensor.name for tensor in graph.initializer}
    return [info for info in graph.input if info.name not in held]


def input_specs(model: ModelProto) -> tuple[TensorSpec, ...]:
    """Return the declared inputs.

    Raises:
        Refusal: There is none, or one has a type the protocol lacks or no shape.
    """
    specs = tuple(_spec("input", info) for info in input_infos(model.graph))
    if not specs:
        raise Refusal(
            "the model takes no input, so every answer would be the same; nothing to serve"
        )
    return specs


def output_specs(model: ModelProto, ranks: Mapping[str, int]) -> tuple[TensorSpec, ...]:
    """Return the declared outputs; where the graph declares no shape, the rank that was seen."""
    return tuple(_spec("output", info, ranks.get(info.name)) for info in model.graph.output)


def axis_names(info: ValueInfoProto) -> tuple[str, ...]:
    """Return the names of the open dimensions; axes of one name have one size."""
    shape = info.type.tensor_type.shape
    return tuple(
        "" if dim.dim_value > 0 else dim.dim_param or f"{info.name}/{axis}"
        for axis, dim in enumerate(shape.dim)
    )


def _spec(role: str, info: ValueInfoProto, rank: int | None = None) -> TensorSpec:
    tensor = info.type.tensor_type
    datatype = DATATYPES.get(tensor.elem_type)
    if datatype is None:
        name = TensorProto.DataType.Name(tensor.elem_type)
        raise Refusal(
            f"{role} {info.name!r} has elements of type {name}, which the protocol does not carry; "
            "add a Cast to a standard type inside the graph"
        )
    if not tensor.HasField("shape"):
        if rank is None:
            raise Refusal(
                f"{role} {info.name!r} declares no shape; declare one, with open dimensions named"
            )
        return TensorSpec(name=info.name, datatype=datatype, shape=(DYNAMIC,) * rank)
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value >= 0 else DYNAMIC
        for dim in tensor.shape.dim
    )
    return TensorSpec(name=info.name, datatype=datatype, shape=shape)
