"""Training data and export that all versions of the model share.

The data are the Wisconsin diagnostic set that scikit-learn ships: 569 tumours, 30 float features,
target 0 malignant, 1 benign. A quarter is held out by a fixed seed and never trained on.

Source: scikit-learn.org/stable/modules/generated/sklearn.datasets.load_breast_cancer.html
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx  # type: ignore[import-untyped]
from skl2onnx.common.data_types import FloatTensorType  # type: ignore[import-untyped]
from sklearn.datasets import load_breast_cancer  # type: ignore[import-untyped]
from sklearn.model_selection import train_test_split  # type: ignore[import-untyped]

FEATURES: Final = 30
SEED: Final = 20260
HELD_OUT_SHARE: Final = 0.25
OPSET: Final = {"": 17, "ai.onnx.ml": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Features float32[n, 30] and labels int64[n], for training and held out."""

    train_features: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    held_out_features: NDArray[np.float32]
    held_out_labels: NDArray[np.int64]


def split() -> Split:
    """Return the data, parted the same way each time."""
    data = load_breast_cancer()
    parts = train_test_split(
        data.data.astype(np.float32),
        data.target.astype(np.int64),
        test_size=HELD_OUT_SHARE,
        random_state=SEED,
        stratify=data.target,
    )
    return Split(
        train_features=parts[0],
        held_out_features=parts[1],
        train_labels=parts[2],
        held_out_labels=parts[3],
    )


def export(classifier: Any) -> bytes:  # noqa: ANN401 - any classifier
    """Return the fitted classifier as ONNX: `features` in, `label` and `probabilities` out."""
    model = to_onnx(
        classifier,
        initial_types=[("features", FloatTensorType([None, FEATURES]))],
        name="breast-cancer",
        target_opset=OPSET,
        options={id(classifier): {"zipmap": False}},
    )
    # The exporter writes this list in the order of a set of texts, which differs by process.
    opsets = sorted({(item.domain, item.version) for item in model.opset_import})
    del model.opset_import[:]
    for domain, version in opsets:
        model.opset_import.add(domain=domain, version=version)
    return bytes(model.SerializeToString(deterministic=True))
