"""Maps and sequences that scikit-learn exporters put at a model's end become tensors."""

from typing import Final

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from catalogue.gate.refusal import Refusal

ZIPMAP: Final = "ZipMap"
"""ZipMap turns probabilities[N, classes] into N dictionaries, which no tensor protocol carries.

Source: onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html, read 2026-11-22.
"""


def tensors_only(model: ModelProto) -> tuple[ModelProto, tuple[str, ...]]:
    """Return the model with every output a tensor, and a sentence for each change.

    Raises:
        Refusal: An input or output is no tensor and there is no exact rewriting.
    """
    rewritten = ModelProto()
    rewritten.CopyFrom(model)
    notes = tuple(_drop_zipmap(rewritten.graph, output) for output in _zipmap_outputs(rewritten))
    for role, infos in (("input", rewritten.graph.input), ("output", rewritten.graph.output)):
        for info in infos:
            _refuse_unless_tensor(role, info)
    return (rewritten if notes else model), notes


def _zipmap_outputs(model: ModelProto) -> list[str]:
    outputs = {info.name for info in model.graph.output}
    return [
        node.output[0]
        for node in model.graph.node
        if node.op_type == ZIPMAP and node.output[0] in outputs
    ]


def _drop_zipmap(graph: GraphProto, output: str) -> str:
    """Give the tensor that fed the ZipMap the output's name and its place."""
    node = next(node for node in graph.node if output in node.output)
    classes = _class_count(node)
    graph.node.remove(node)
    graph.node.append(onnx.helper.make_node("Identity", [node.input[0]], [output]))
    index = next(i for i, info in enumerate(graph.output) if info.name == output)
    graph.output[index].CopyFrom(
        onnx.helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, classes])
    )
    return (
        f"output {output!r} was a list of dictionaries (ZipMap) and is now the tensor behind it, "
        f"float32[batch, {classes}], in the order of the class labels {_class_labels(node)}"
    )


def _class_count(node: NodeProto) -> int:
    return max(len(a.ints) or len(a.strings) for a in node.attribute)


def _class_labels(node: NodeProto) -> str:
    labels = [
        *(str(label) for a in node.attribute for label in a.ints),
        *(label.decode("utf-8", "replace") for a in node.attribute for label in a.strings),
    ]
    shown = ", ".join(labels[:10])
    return f"[{shown}{', …' if len(labels) > 10 else ''}]"  # noqa: PLR2004 - enough to recognise


def _refuse_unless_tensor(role: str, info: ValueInfoProto) -> None:
    kind = info.type.WhichOneof("value")
    if kind == "tensor_type":
        return
    word = {"map_type": "a map", "sequence_type": "a sequence", "optional_type": "optional"}
    raise Refusal(
        f"{role} {info.name!r} is {word.get(kind or '', 'no tensor')}, and the protocol carries "
        "tensors only; export so that it is a tensor (for skl2onnx: "
        "to_onnx(model, X, options={'zipmap': False}))"
    )
