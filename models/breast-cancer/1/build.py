"""Version 1: standardised features and a logistic regression."""

import sys
from pathlib import Path

from breast_cancer_training import export, split
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def build() -> bytes:
    """Return the fitted pipeline as ONNX."""
    data = split()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return export(pipeline.fit(data.train_features, data.train_labels))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(build())
