"""Which models a tensor without elements would take down."""

from collections.abc import Mapping
from typing import Any, Final

RECURRENT: Final = ("LSTM", "GRU", "RNN")
"""How the names of operators end whose kernels cannot run an empty batch: for manifests written
before the gate tried each model.

Source: measured with onnxruntime 1.31: `DynamicQuantizeLSTM` on int64[0, 5] calls std::terminate
("terminate called without an active exception"), which no caller can catch; on [3, 0] it fails
with a status.
"""


def takes_empty(facts: Mapping[str, Any]) -> bool:
    """Whether a model may be given an empty tensor, as the gate has found by trying.

    Example:
        >>> takes_empty({"takes_empty": True, "operators": {"LSTM": 1}})
        True
        >>> takes_empty({"operators": {"com.microsoft:DynamicQuantizeLSTM": 4, "Add": 3}})
        False
        >>> takes_empty({})
        True
    """
    if "takes_empty" in facts:
        return bool(facts["takes_empty"])
    return not any(name.endswith(RECURRENT) for name in facts.get("operators", ()))
