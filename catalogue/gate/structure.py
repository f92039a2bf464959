"""What a model file may be made of, judged before any engine sees it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto
from onnxruntime.capi import (  # type: ignore[import-untyped]
    onnxruntime_pybind11_state as engine,
)

from catalogue.gate.refusal import Refusal, first_line

DOMAINS: Final = frozenset({"ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""The standard's two domains and ONNX Runtime's own operators, which quantised models need."""

OUTWARD_OPERATORS: Final = frozenset({"com.microsoft:EPContext", "com.microsoft:Snpe"})
"""Operators that read files or libraries named inside the model.

Source: onnxruntime.ai/docs/execution-providers/EP-Context-Design.html (`ep_cache_context` may be a
file path); github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md, read 2026-11-22.
"""

_GRAPH_KINDS: Final = {AttributeProto.GRAPH, AttributeProto.GRAPHS}


def parse(data: bytes) -> ModelProto:
    """Return the model in these bytes.

    Raises:
        Refusal: They hold no complete ONNX model.
    """
    if not data:
        raise Refusal("the file is empty; export the model again")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:
        raise Refusal(
            f"not an ONNX model, or cut short ({first_line(error)}); export the model again"
        ) from error
    if not model.graph.node or not model.opset_import:
        raise Refusal("no ONNX model: it has no nodes or names no operator set; export it again")
    return model


def check(model: ModelProto) -> Counter[str]:
    """Refuse what a served model may not be made of; return how often each operator is used.

    Raises:
        Refusal: External data, an operator outside the list, or not valid ONNX.
    """
    _refuse_training(model)
    _refuse_external_data(model)
    operators = Counter(_operator_name(node) for node in nodes_of(model))
    _refuse_foreign_operators(model, operators)
    _refuse_missing_shapes(model)
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise Refusal(f"not valid ONNX: {first_line(error)}") from error
    return operators


def _refuse_training(model: ModelProto) -> None:
    if model.training_info:
        raise Refusal(
            "it holds graphs for training, which nobody looks into and nobody serves; export it "
            "for inference, or clear training_info"
        )


def _refuse_external_data(model: ModelProto) -> None:
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            places = [item.value for item in tensor.external_data if item.key == "location"]
            raise Refusal(
                f"tensor {tensor.name!r} is external data in {(places or ['a file'])[0]!r}: "
                "a version is one file, whose digest is its identity; save the model with "
                "onnx.save_model(model, path, save_as_external_data=False)"
            )


def _refuse_missing_shapes(model: ModelProto) -> None:
    """Say of which tensor the standard's own checker would only say that a field is missing."""
    for role, infos in (("input", model.graph.input), ("output", model.graph.output)):
        for info in infos:
            kind = info.type.tensor_type
            if info.type.HasField("tensor_type") and kind.elem_type and not kind.HasField("shape"):
                raise Refusal(
                    f"{role} {info.name!r} declares no shape; declare one, with open dimensions "
                    "named, or save what onnx.shape_inference.infer_shapes(model) gives"
                )


def _refuse_foreign_operators(model: ModelProto, operators: Counter[str]) -> None:
    own = {f"{f.domain}:{f.name}" for f in model.functions}
    allowed = (_known_operators() - OUTWARD_OPERATORS) | own
    foreign = sorted(operator for operator in operators if operator not in allowed)
    if foreign:
        raise Refusal(
            f"operators that are not on the list: {', '.join(foreign[:5])}"
            f"{' …' if len(foreign) > 5 else ''}; "  # noqa: PLR2004 - enough to see the kind
            f"export with operators of {', '.join(sorted(DOMAINS))} only"
        )


@cache
def _known_operators() -> frozenset[str]:
    """Every operator of the allowed domains that the installed ONNX Runtime has a schema of."""
    schemas = engine.get_all_operator_schema()
    named = ((schema.domain or "ai.onnx", schema.name) for schema in schemas)
    return frozenset(_join(domain, name) for domain, name in named if domain in DOMAINS)


def _operator_name(node: NodeProto) -> str:
    return _join(node.domain or "ai.onnx", node.op_type)


def _join(domain: str, name: str) -> str:
    return name if domain == "ai.onnx" else f"{domain}:{name}"


def _graphs(model: ModelProto) -> Iterator[GraphProto]:
    """Yield the main graph and every graph inside a node's attributes, at any depth."""
    waiting = [model.graph]
    for function in model.functions:
        waiting.extend((*_subgraphs(function.node), *_in_attributes(function.attribute_proto)))
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting.extend(_subgraphs(graph.node))


def _subgraphs(nodes: Iterable[NodeProto]) -> Iterator[GraphProto]:
    return _in_attributes(attribute for node in nodes for attribute in node.attribute)


def _in_attributes(attributes: Iterable[AttributeProto]) -> Iterator[GraphProto]:
    for attribute in attributes:
        if attribute.type in _GRAPH_KINDS or attribute.HasField("g") or attribute.graphs:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def nodes_of(model: ModelProto) -> Iterator[NodeProto]:
    """Yield every node, those of inner graphs and local functions among them."""
    for graph in _graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    for graph in _graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    given = (attribute for node in nodes_of(model) for attribute in node.attribute)
    usual = (attribute for function in model.functions for attribute in function.attribute_proto)
    for attribute in (*given, *usual):
        yield attribute.t
        yield from attribute.tensors
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
