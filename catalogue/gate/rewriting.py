"""What scikit-learn's exporter writes is made servable: outputs are tensors, locales are there."""

from typing import Final

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from catalogue.gate.refusal import Refusal
from catalogue.gate.structure import nodes_of

ZIPMAP: Final = "ZipMap"
"""ZipMap turns probabilities[N, classes] into N dictionaries, which no tensor protocol carries.

Source: onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html, read 2026-11-22.
"""
SEQUENCE: Final = "SequenceConstruct"
"""Puts tensors behind one another, which for scikit-learn's multi-output classifiers is an output.

Source: onnx.ai/onnx/operators/onnx__SequenceConstruct.html, read 2026-11-22.
"""
LOCALE: Final = "C.UTF-8"
"""A locale that glibc brings itself; its letters are those of `en_US.UTF-8`, from one table.

StringNormalizer asks for `en_US` where it is told nothing, as TfidfVectorizer's exporter leaves it,
and ONNX Runtime refuses to load it on machines without that language, which container images are.

Source: onnx.ai/onnx/operators/onnx__StringNormalizer.html (attribute `locale`); glibc's
localedata/locales/C and en_US, both of which copy i18n_ctype, read 2026-11-22.
"""
_SAME_LETTERS: Final = frozenset({b"", b"en_US", b"en_US.UTF-8", b"en_US.utf8"})


def servable(model: ModelProto) -> tuple[ModelProto, tuple[str, ...]]:
    """Return the model with every output a tensor and no locale missing; a sentence per change.

    Raises:
        Refusal: An input or output is no tensor and there is no exact rewriting.
    """
    rewritten = ModelProto()
    rewritten.CopyFrom(model)
    notes = (
        *(_drop_zipmap(rewritten.graph, output) for output in _outputs_of(rewritten, ZIPMAP)),
        *(_part_sequence(rewritten, output) for output in _outputs_of(rewritten, SEQUENCE)),
        *_settle_locales(rewritten),
    )
    for role, infos in (("input", rewritten.graph.input), ("output", rewritten.graph.output)):
        for info in infos:
            _refuse_unless_tensor(role, info)
    return (rewritten if notes else model), notes


def _outputs_of(model: ModelProto, operator: str) -> list[str]:
    outputs = {info.name for info in model.graph.output}
    return [
        node.output[0]
        for node in model.graph.node
        if node.op_type == operator and node.output[0] in outputs
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


def _part_sequence(model: ModelProto, output: str) -> str:
    """Make each tensor of a sequence an output of its own, in the sequence's place."""
    graph = model.graph
    node = next(node for node in graph.node if output in node.output)
    place = next(i for i, info in enumerate(graph.output) if info.name == output)
    declared = graph.output[place].type.sequence_type.elem_type.tensor_type
    names = [f"{output}_{number}" for number in range(len(node.input))]
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    if taken & {*names}:
        raise Refusal(
            f"output {output!r} is a sequence, and its parts cannot be called "
            f"{', '.join(names[:3])}: the graph has such names; rename them"
        )
    inferred = {
        info.name: info for info in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    parts = []
    for name, source in zip(names, node.input, strict=True):
        graph.node.append(onnx.helper.make_node("Identity", [source], [name]))
        part = ValueInfoProto(name=name)
        part.type.tensor_type.CopyFrom(
            inferred[source].type.tensor_type if source in inferred else declared
        )
        parts.append(part)
    others = [ValueInfoProto.FromString(info.SerializeToString()) for info in graph.output]
    # The node stays, should others need its sequence; unused ones ONNX Runtime drops itself.
    del graph.output[:]
    graph.output.extend([*others[:place], *parts, *others[place + 1 :]])
    return f"output {output!r} was a sequence; its tensors are now outputs {', '.join(names)}"


def _settle_locales(model: ModelProto) -> tuple[str, ...]:
    settled = [
        node
        for node in nodes_of(model)
        if node.op_type == "StringNormalizer" and _locale(node) in _SAME_LETTERS
    ]
    for node in settled:
        others = [a for a in node.attribute if a.name != "locale"]
        del node.attribute[:]
        node.attribute.extend([*others, onnx.helper.make_attribute("locale", LOCALE)])
    if not settled:
        return ()
    return (f"text is put into lower or upper case by the locale {LOCALE}, which every Linux has",)


def _locale(node: NodeProto) -> bytes:
    return next((a.s for a in node.attribute if a.name == "locale"), b"")


def _refuse_unless_tensor(role: str, info: ValueInfoProto) -> None:
    kind = info.type.WhichOneof("value")
    if kind == "tensor_type":
        return
    word = {"map_type": "a map", "sequence_type": "a sequence", "optional_type": "optional"}
    raise Refusal(
        f"{role} {info.name!r} is {word.get(kind or '', 'no tensor')}, and the protocol carries "
        "tensors only; export so that it is a tensor (for skl2onnx: "
        "to_onnx(model, X, options={'zipmap': False}); elsewhere end with ConcatFromSequence)"
    )
