"""Version 2: gradient boosted trees."""

import sys
from pathlib import Path

from breast_cancer_training import SEED, export, split
from sklearn.ensemble import GradientBoostingClassifier


def build() -> bytes:
    """Return the fitted trees as ONNX."""
    data = split()
    trees = GradientBoostingClassifier(random_state=SEED)
    return export(trees.fit(data.train_features, data.train_labels))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(build())
