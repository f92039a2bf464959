"""No request ends the process, not even one that ONNX Runtime's own kernels do not survive."""

import pytest

from falaj.domain.signature import ModelSignature
from falaj.domain.tensors import Datatype, TensorSpec
from falaj.engines.emptiness import takes_empty
from falaj.engines.validation import SignatureCheck
from falaj.errors import TensorDataError

TOKENS = TensorSpec(name="tokens", datatype=Datatype.INT64, shape=(-1, -1))
SIGNATURE = ModelSignature(inputs=(TOKENS,), outputs=(TOKENS,))


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN", "com.microsoft:DynamicQuantizeLSTM"])
def test_recurrent_models_take_no_empty_tensor(operator):
    """The manifest's operators say which models would abort."""
    assert not takes_empty({"operators": {"Add": 1, operator: 1}})


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_empty_tensor_is_refused_before_it_is_built(shape):
    """The caller is told; nothing reaches the engine."""
    check = SignatureCheck("tashkeel", SIGNATURE, takes_empty=False)

    with pytest.raises(TensorDataError, match="empty"):
        check.element_count("tokens", "INT64", shape)


def test_other_models_still_take_empty_tensors():
    """An empty batch is an answer of no rows, as Triton and NumPy have it."""
    check = SignatureCheck("file-type", SIGNATURE)

    assert check.element_count("tokens", "INT64", (0, 5)) == 0
