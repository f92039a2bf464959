"""References for tests, made of seeded normal rows."""

import numpy as np
from numpy.typing import NDArray

from falaj.drift.reference import Feature, Reference, Rules, Side

RULES = Rules(window_s=3600, delta=0.1, false_alarm=0.01)


def reference_of(rows: NDArray[np.float32], rules: Rules = RULES) -> Reference:
    """Take deciles of each column, as registration does."""
    features = []
    for column in range(rows.shape[1]):
        values = rows[:, column]
        edges = np.quantile(values, np.arange(1, 10) / 10, method="inverted_cdf")
        edges = tuple(map(float, np.unique(edges)))
        empty = Feature(
            name=f"x{column}",
            side=Side.INPUT,
            tensor="x",
            column=column,
            is_category=False,
            edges=edges,
            counts=(0,) * (len(edges) + 2),
        )
        features.append(counted(empty, values))
    return Reference(model="m", version=1, rules=rules, features=tuple(features))


def counted(feature: Feature, values: NDArray[np.float32]) -> Feature:
    """Return the feature with these values as its reference."""
    bins = np.searchsorted(feature.edges, values, side="right")
    counts = (*np.bincount(bins, minlength=len(feature.edges) + 1).tolist(), 0)
    return Feature(
        name=feature.name,
        side=feature.side,
        tensor=feature.tensor,
        column=feature.column,
        is_category=feature.is_category,
        edges=feature.edges,
        counts=counts,
    )
