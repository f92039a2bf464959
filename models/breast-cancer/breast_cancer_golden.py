"""Writes `golden.json` of both versions: tumours that were never trained on, and what they were.

Run `python models/breast-cancer/breast_cancer_golden.py` after changing the split.
"""

from pathlib import Path
from typing import Any, Final

from breast_cancer_training import FEATURES, split

from catalogue.writing import write_json_lines

HERE: Final = Path(__file__).parent
VERSIONS: Final = (1, 2)
EACH: Final = 3
"""Cases of either diagnosis."""
MOST_DOUBT: Final = 0.1
NAMES: Final = {0: "malignant", 1: "benign"}


def cases() -> list[dict[str, Any]]:
    """Return held-out rows with their diagnosis, the clearest of either kind.

    Clearest means: farthest, along the line between the two training means, on its own side. No
    model is asked, so the expectation owes nothing to what it will be compared with.
    """
    data = split()
    scale = data.train_features.std(axis=0)
    means = {label: data.train_features[data.train_labels == label].mean(axis=0) for label in NAMES}
    side = ((data.held_out_features - (means[0] + means[1]) / 2) / scale) @ (
        (means[1] - means[0]) / scale
    )
    order = sorted(range(len(side)), key=lambda row: float(side[row]))
    chosen = {0: order[:EACH], 1: order[-EACH:]}
    return [
        _case(row, data.held_out_features[row].tolist(), int(data.held_out_labels[row]))
        for label in NAMES
        for row in chosen[label]
    ]


def _case(row: int, features: list[float], label: int) -> dict[str, Any]:
    shown = [round(value, 6) for value in features]
    probabilities = [1.0 - label, float(label)]
    return {
        "name": f"held-out tumour {row} was {NAMES[label]}",
        "request": {"inputs": [_tensor("features", "FP32", [1, FEATURES], shown)]},
        "expect": {
            "outputs": [
                _tensor("label", "INT64", [1], [label]),
                _tensor("probabilities", "FP32", [1, 2], probabilities),
            ]
        },
        "atol": MOST_DOUBT,
        "rtol": 0,
    }


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


if __name__ == "__main__":
    for version in VERSIONS:
        write_json_lines(HERE / str(version) / "golden.json", cases())
