"""A release proves itself on its golden cases, through the path its callers take."""

import pytest

from falaj.http.golden import mismatch, verify
from tests.falaj import onnx_models


def _output(data, shape=(2,), name="y"):
    return {"name": name, "shape": list(shape), "data": data}


def _case(data, **tolerance):
    return {"expect": {"outputs": [_output(data)]}, **tolerance}


@pytest.mark.parametrize(
    ("case", "outputs", "fault"),
    [
        (_case([1.0, 2.0]), [_output([1.0, 2.0])], ""),
        (_case([1.0, 2.0], atol=0.1), [_output([1.05, 2.0])], ""),
        (_case([1.0, 200.0], rtol=0.01), [_output([1.0, 201.9])], ""),
        (_case(["a", "b"]), [_output(["a", "b"])], ""),
        (_case([[1], [2]]), [_output([1, 2])], ""),
        (_case([1.0, 2.0]), [_output([1.0, 2.1])], "output 'y' is 2.1 at 1, known is 2.0"),
        (_case(["a", "b"]), [_output(["a", "c"])], "output 'y' is 'c' at 1, known is 'b'"),
        (_case([True, False]), [_output([True, True])], "output 'y' is True at 1, known is False"),
        (_case([1, 2]), [_output([1, 2], name="z")], "output 'y' is missing"),
        (_case([1, 2]), [_output([1], (1,))], "output 'y' has shape [1], known is [2]"),
    ],
)
def test_answers_are_compared_within_the_tolerance(case, outputs, fault):
    """What differs is named; what is close enough is not."""
    assert mismatch(case, outputs) == fault


def _service(root, expected):
    golden = {
        "name": "ones",
        "request": {
            "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, expected]}]
        },
        "expect": {"outputs": [{"name": "y", "shape": [1, 2], "data": [1.0, 2.0]}]},
        "atol": 1e-6,
    }
    model = onnx_models.identity("FP32", [None, 2])
    onnx_models.write_version(root, "same", 1, model, golden=(golden,))
    return onnx_models.service_of(root, release="7")


def test_a_release_that_answers_right_passes(tmp_path):
    """The report names release, model version and digest, so that nothing else is verified."""
    report = verify(_service(tmp_path, 2.0))
    assert (report["release"], report["passed"]) == ("7", True)
    assert report["models"]["same"]["version"] == 1
    case = {"model": "same", "name": "ones", "status": 200, "passed": True, "reason": ""}
    assert report["cases"] == [case]


def test_an_arm_that_answers_wrong_fails_the_release(tmp_path):
    """What an experiment would let answer is proven before anybody is assigned to it."""
    wrong = {
        "name": "sevens",
        "request": {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [7.0]}]},
        "expect": {"outputs": [{"name": "y", "shape": [1], "data": [8.0]}]},
    }
    for version, golden in ((1, (wrong,)), (2, ())):
        content = onnx_models.identity("FP32", [None])
        onnx_models.write_version(tmp_path, "same", version, content, golden=golden)
    service = onnx_models.service_of(tmp_path)

    before = verify(service)["passed"]
    service.repository.model("same", "1")
    after = verify(service)

    assert (before, after["passed"]) == (True, False)
    assert after["models"]["same"]["version"] == 2


def test_a_release_that_answers_wrong_fails(tmp_path):
    """The wrong element is named."""
    report = verify(_service(tmp_path, 3.0))
    assert not report["passed"]
    assert report["cases"][0]["reason"] == "output 'y' is 3.0 at 1, known is 2.0"


def test_a_case_that_is_refused_fails(tmp_path):
    """A golden request that the model does not take is a failure with the protocol's sentence."""
    service = _service(tmp_path, "no number")
    report = verify(service)
    assert not report["passed"]
    assert report["cases"][0]["status"] == 400
    assert report["cases"][0]["reason"].startswith("answered 400: ")
