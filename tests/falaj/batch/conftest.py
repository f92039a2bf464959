"""Real models that answer records."""

import pytest

from falaj.domain.signature import Batching
from tests.falaj import onnx_models

ROWS = Batching(batch_axis=0, pad_allowed=False, batch_invariant=True)


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    """Models whose rows may share a run, and one whose may not."""
    root = tmp_path_factory.mktemp("models")
    write = onnx_models.write_version
    write(root, "rows", 1, onnx_models.linear(features=3), batching=ROWS)
    write(root, "log", 1, onnx_models.logarithm(), batching=ROWS)
    write(root, "lookup", 1, onnx_models.lookup(), batching=ROWS)
    write(root, "words", 1, onnx_models.identity("BYTES", [None, 2]), batching=ROWS)
    write(root, "whole", 1, onnx_models.identity("FP32", [None, None]))
    write(root, "types", 1, onnx_models.every_type(), batching=ROWS)
    return onnx_models.service_of(root).repository
