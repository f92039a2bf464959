"""Which graphs OpenVINO computes without going wrong in silence, whatever callers send.

ONNX Runtime looks at every shape and index of a run and fails. OpenVINO's CPU plugin trusts them:
openvino 2026.4.1 multiplies [2, 2] by [64, 64] and answers with whatever lies behind the tensor,
answers 0 for an index outside a table, writes beside one (ScatterElements), ends the process
(GatherND, or an empty batch), and computes 64-bit integers in 32 bits and doubles in floats
(decision 0032). So a graph is served only if nothing of this can depend on what callers send: each
operation that their values reach is on a list here, their indices into tables are held inside the
table, only the first axis of an input may be open, and its shapes are inferred for several batches,
which OpenVINO does look at.

The graph itself is believed: it is signed, and the gate has run it.

Source: operations by the names that openvino 2026.4.1's ONNX frontend gives them, and what it did
with each (docs/decisions/0032-openvino-serves-what-callers-cannot-lead-astray.md).
"""

from collections.abc import Iterator
from typing import Any, Final

from falaj.errors import UnsupportedModelError

FLOATS: Final = frozenset({"f32", "f16"})
"""What arithmetic may be done in: pinned to f32."""
MOVED: Final = FLOATS | {"boolean", "i8", "u8", "i16", "u16", "i32", "i64"}
"""What callers may send, and compare, cast, move or look up by; i64 within 32 bits."""
INDEX_LIMITS: Final = (-(2**31), 2**31 - 1)
"""What fits OpenVINO's integers."""

ARITHMETIC: Final = frozenset(
    {
        *("Abs", "Add", "Ceiling", "Clamp", "Cos", "Divide", "Elu", "Erf", "Exp", "Floor", "Gelu"),
        *("HSigmoid", "HSwish", "Log", "LogSoftmax", "Maximum", "Minimum", "Mish", "Multiply"),
        *("Negative", "PRelu", "Power", "Relu", "Round", "Sigmoid", "Sign", "Sin", "SoftPlus"),
        *("SoftSign", "Softmax", "Sqrt", "SquaredDifference", "Subtract", "Swish", "Tanh"),
    }
)
"""Of as many operands as there are, all floats."""
CONTRACTIONS: Final = frozenset({"MatMul", "Convolution", "GroupConvolution"})
"""Whose operands must fit each other: what is summed over must be known."""
REDUCTIONS: Final = frozenset(
    {
        *("AvgPool", "BatchNormInference", "LRN", "MVN", "MaxPool", "ReduceL1", "ReduceL2"),
        *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "TopK"),
    }
)
"""Of their first operand, floats; the others say how."""
MOVES: Final = frozenset(
    {
        *("Broadcast", "Convert", "Gather", "Identity", "Reshape", "Result", "Slice", "Split"),
        *("Squeeze", "StridedSlice", "Tile", "Transpose", "Unsqueeze", "VariadicSplit"),
    }
)
"""Of their first operand, of any type; the others say whence and whither."""
CHOICES: Final = frozenset(
    {
        *("Concat", "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd"),
        *("LogicalNot", "LogicalOr", "LogicalXor", "NotEqual", "Select"),
    }
)
"""Of as many operands as there are, of any type."""
BATCHES: Final = (1, 2, 3, 5, 64, 257)
"""Rows for which all shapes must fit: a graph that only fits some is caught by one of them."""
_KEEPS_INDICES: Final = frozenset({"Convert", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
_INDEX_TYPES: Final = frozenset({"i32", "i64"})
_INTEGERS: Final = _INDEX_TYPES | {"i8", "u8", "i16", "u16"}

Limits = dict[str, tuple[int, int]]
"""By integer input, the least and the greatest value that may be sent."""


def limits_of(name: str, model: Any) -> Limits:  # noqa: ANN401 - openvino has no types
    """Bounds within which callers' integers must lie for this graph to be computed rightly.

    Args:
        name: What errors call the model.
        model: `openvino.Model`.

    Raises:
        UnsupportedModelError: No bounds are enough; all reasons are named.
    """
    limits: Limits = {}
    reasons = list(dict.fromkeys(_reasons(model, limits))) or list(_batch_reasons(model))
    if reasons:
        raise UnsupportedModelError(artefact=f"model '{name}'", reason="; ".join(reasons))
    return limits


def _reasons(model: Any, limits: Limits) -> Iterator[str]:  # noqa: ANN401 - openvino has no types
    """Yield why it cannot be served, noting bounds on the way."""
    sent: set[str] = set()
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        ports = [n for n, source in enumerate(_sources(node)) if source.get_name() in sent]
        if kind == "ShapeOf" or not (ports or kind == "Parameter"):
            continue  # follows from the batch's size alone
        sent.add(node.get_name())
        types = {output.get_element_type().to_string() for output in node.outputs()}
        if not types <= MOVED:
            yield f"OpenVINO computes {', '.join(sorted(types - MOVED))} in another type"
        elif kind == "Parameter":
            yield from _input_reasons(node, limits)
        else:
            yield from _operation_reasons(node, kind, ports, limits)


def _input_reasons(node: Any, limits: Limits) -> Iterator[str]:  # noqa: ANN401
    name, shape = node.get_friendly_name(), node.get_output_partial_shape(0)
    if shape.rank.is_dynamic or any(size.is_dynamic for size in list(shape)[1:]):
        yield f"input '{name}' leaves more open than its first axis"
    if node.get_element_type().to_string() == "i64":
        limits[name] = INDEX_LIMITS


def _operation_reasons(
    node: Any,  # noqa: ANN401
    kind: str,
    ports: list[int],
    limits: Limits,
) -> Iterator[str]:
    if kind == "Gather" and 1 in ports:
        yield from _lookup_reasons(node, ports, limits)
    elif kind in MOVES | REDUCTIONS and ports != [0]:
        yield f"{kind} would be told by callers where to go"
    elif kind in ARITHMETIC | CONTRACTIONS | REDUCTIONS:
        types = {node.input_value(port).get_element_type().to_string() for port in ports}
        if not types <= FLOATS:
            yield f"{kind} would compute callers' {', '.join(sorted(types - FLOATS))} in 32 bits"
        if kind in CONTRACTIONS and not _sums_over_what_is_known(node, kind):
            yield f"{kind} would sum over an open dimension"
    elif kind not in MOVES | CHOICES:
        yield f"{kind} is not known to stand whatever callers send"


def _batch_reasons(model: Any) -> Iterator[str]:  # noqa: ANN401 - openvino has no types
    tried = model.clone()
    for rows in BATCHES:
        shapes = {port: _with_rows(port.get_partial_shape(), rows) for port in tried.inputs}
        try:
            tried.reshape(shapes)
        except RuntimeError:
            yield f"its shapes do not fit a batch of {rows}"
            return


def _with_rows(shape: Any, rows: int) -> list[int]:  # noqa: ANN401 - openvino has no types
    return [size.get_length() if size.is_static else rows for size in shape]


def _lookup_reasons(node: Any, ports: list[int], limits: Limits) -> Iterator[str]:  # noqa: ANN401
    """Hold the caller's indices inside the table, or say why that cannot be done."""
    indices, axis = node.input_value(1).get_node(), node.input_value(2).get_node()
    while indices.get_type_name() in _KEEPS_INDICES:
        if indices.get_element_type().to_string() not in _INDEX_TYPES:
            break
        indices = indices.input_value(0).get_node()
    table = node.input_value(0).get_partial_shape()
    is_sent = indices.get_type_name() == "Parameter"
    is_plain = is_sent and indices.get_element_type().to_string() in _INTEGERS
    if ports != [1] or not is_plain or axis.get_type_name() != "Constant" or table.is_dynamic:
        yield "Gather would be told by callers where to read, by more than an input"
        return
    rows = table.to_shape()[int(axis.data.item())]
    name = indices.get_friendly_name()
    least, most = limits.get(name, INDEX_LIMITS)
    limits[name] = max(least, -rows), min(most, rows - 1)


def _sums_over_what_is_known(node: Any, kind: str) -> bool:  # noqa: ANN401
    shapes = [node.input_value(port).get_partial_shape() for port in (0, 1)]
    if any(shape.rank.is_dynamic for shape in shapes):
        return False
    if kind != "MatMul":
        return all(size.is_static for shape in shapes for size in list(shape)[1:])
    attributes = node.get_attributes()
    turned = attributes["transpose_a"], not attributes["transpose_b"]
    return all(
        shape[len(shape) - (2 if is_turned and len(shape) > 1 else 1)].is_static
        for shape, is_turned in zip(shapes, turned, strict=True)
    )


def _sources(node: Any) -> list[Any]:  # noqa: ANN401
    return [each.get_source_output().get_node() for each in node.inputs()]
