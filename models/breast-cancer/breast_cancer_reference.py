"""Writes `reference.csv`: the rows that both versions were trained on, named in the data's words.

Run `python models/breast-cancer/breast_cancer_reference.py`, and write into model.yaml:

    drift:
      reference: reference.csv
"""

import csv
from pathlib import Path
from typing import Final

from breast_cancer_training import split
from sklearn.datasets import load_breast_cancer  # type: ignore[import-untyped]

REFERENCE: Final = Path(__file__).with_name("reference.csv")


def write(path: Path = REFERENCE) -> None:
    """Write the training rows below the names of their features."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(load_breast_cancer().feature_names)
        writer.writerows(split().train_features.tolist())


if __name__ == "__main__":
    write()
