"""Which of the repository's own models OpenVINO serves, and that it answers as ONNX Runtime."""

import numpy as np
import pytest

from tests.falaj.engines.openvino_here import skip_without_a_wheel

skip_without_a_wheel()

from falaj.engines.onnx import OnnxEngine  # noqa: E402 - there may be no wheel
from falaj.engines.openvino import OpenVinoEngine  # noqa: E402
from falaj.errors import UnsupportedModelError  # noqa: E402


def test_file_type_is_answered_alike(built):
    """A real network on real types: within f32's last digits, for one file and for three."""
    model = built("file-type").model_path.read_bytes()
    ours = OpenVinoEngine(name="file-type", model=model, threads=1)
    reference = OnnxEngine(name="file-type", model=model)
    assert ours.signature == reference.signature
    (given,), names = reference.signature.inputs, [reference.signature.outputs[0].name]
    for rows in (1, 3):
        bytes_of_files = np.random.default_rng(rows).integers(0, 257, (rows, given.shape[1]))
        feed = {given.name: bytes_of_files.astype(np.int32)}
        (got,), (wanted,) = ours.run(feed, names), reference.run(feed, names)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "version", "reason"),
    [
        ("breast-cancer", 1, "LinearClassifier"),
        ("breast-cancer", 2, "TreeEnsembleClassifier"),
        ("tashkeel", 1, "leaves more open than its first axis.*LSTMSequence"),
    ],
)
def test_the_others_are_refused_with_what_they_are_made_of(built, name, version, reason):
    """Trees and recurrent networks: left to ONNX Runtime where that is allowed."""
    model = built(name, version).model_path.read_bytes()
    with pytest.raises(UnsupportedModelError, match=reason):
        OpenVinoEngine(name=name, model=model, threads=1)
