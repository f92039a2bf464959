"""What scikit-learn exports by default is served as tensors, or refused with the way out."""

import numpy as np
import onnx
import pytest
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import DictionaryType, FloatTensorType, StringTensorType
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

from catalogue.gate.examination import admit
from catalogue.gate.refusal import Refusal
from catalogue.gate.running import Runner
from falaj.domain.tensors import Datatype


@pytest.fixture(scope="module")
def points():
    """Sixty points of four floats."""
    generator = np.random.default_rng(7)
    return generator.standard_normal((60, 4)).astype(np.float32)


@pytest.mark.parametrize("labels", [("calm", "flood", "drought"), (0, 1, 2)])
def test_zipmap_becomes_the_tensor_behind_it(points, labels):
    """The default export's list of dictionaries is float32[batch, classes] once it is let in."""
    target = np.array(labels)[np.arange(60) % 3]
    model = to_onnx(LogisticRegression().fit(points, target), points[:1], target_opset=17)
    assert "ZipMap" in {node.op_type for node in model.graph.node}
    admitted = admit(model.SerializeToString(), (), lambda _: None)
    data, findings = admitted.data, admitted.findings
    outputs = {spec.name: spec for spec in findings.signature.outputs}
    assert outputs["output_probability"].datatype is Datatype.FP32
    assert outputs["output_probability"].shape == (-1, 3)
    assert "ZipMap" not in {node.op_type for node in onnx.load_model_from_string(data).graph.node}
    assert findings.signature.batching.is_safe
    assert ", ".join(sorted(map(str, labels))) in findings.notes[0]


def test_dictionary_input_is_refused():
    """A dictionary cannot be sent as a tensor; the sentence names the input."""
    vectorizer = DictVectorizer().fit([{"a": 1.0}, {"b": 2.0}])
    kind = DictionaryType(StringTensorType([1]), FloatTensorType([1]))
    model = convert_sklearn(vectorizer, initial_types=[("features", kind)], target_opset=17)
    with pytest.raises(Refusal, match="input 'features' is a map"):
        admit(model.SerializeToString(), (), lambda _: None)


def test_a_sequence_of_tensors_becomes_outputs_of_their_own(points):
    """A classifier of several targets gives one tensor of probabilities for each."""
    targets = np.stack([points[:, 0] > 0, points[:, 1] > 0], axis=1).astype(int)
    fitted = MultiOutputClassifier(LogisticRegression()).fit(points, targets)
    model = to_onnx(fitted, points[:1], target_opset=17, options={"zipmap": False})
    admitted = admit(model.SerializeToString(), (), lambda _: None)
    shapes = {spec.name: spec.shape for spec in admitted.findings.signature.outputs}
    assert shapes == {
        "label": (-1, 2),
        "probabilities_0": (-1, 2),
        "probabilities_1": (-1, 2),
    }
    assert admitted.findings.signature.batching.is_safe
    answer = Runner.load(admitted.data).run({"X": points[:5]})
    for number, expected in enumerate(fitted.predict_proba(points[:5])):
        np.testing.assert_allclose(answer[f"probabilities_{number}"], expected, atol=1e-5)


def test_text_is_served_where_no_language_is_installed():
    """TfidfVectorizer's exporter leaves the locale open, for which images have no language."""
    texts = ["A GOOD Day", "a bad day", "GOOD", "Bad news"] * 5
    target = [1, 0, 1, 0] * 5
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, target)
    model = to_onnx(fitted, initial_types=[("text", StringTensorType([None]))], target_opset=17)
    admitted = admit(model.SerializeToString(), (), lambda _: None)
    assert any("C.UTF-8" in note for note in admitted.findings.notes)
    answer = Runner.load(admitted.data).run({"text": np.array(["good NEWS"], dtype=object)})
    np.testing.assert_allclose(
        answer["output_probability"], fitted.predict_proba(["good NEWS"]), atol=1e-5
    )
