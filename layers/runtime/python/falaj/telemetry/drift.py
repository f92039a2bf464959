"""The line from which CloudWatch takes how far a model has drifted."""

import json
from datetime import datetime
from typing import Final

from falaj import contract

_DECLARED: Final = {
    "Namespace": contract.METRIC_NAMESPACE,
    "Dimensions": [[contract.DIMENSION_MODEL]],
    "Metrics": [
        {"Name": contract.METRIC_DRIFTED_FEATURES, "Unit": "Count"},
        {"Name": contract.METRIC_DRIFT_PSI, "Unit": "None"},
    ],
}


def drift_line(model: str, *, drifted: int, psi: float, at: datetime) -> str:
    """Write one look's outcome as embedded metrics.

    Args:
        model: The model.
        drifted: How many of its features have drifted.
        psi: The worst feature's stability index in the newest window.
        at: When it was looked at.

    Example:
        >>> from datetime import UTC
        >>> line = drift_line("churn", drifted=2, psi=0.4, at=datetime(2026, 1, 1, tzinfo=UTC))
        >>> json.loads(line)["DriftedFeatures"]
        2
    """
    line = {
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [_DECLARED]},
        "level": "INFO",
        "service": "drift-watch",
        "message": f"{drifted} features of {model} have drifted",
        contract.DIMENSION_MODEL: model,
        contract.METRIC_DRIFTED_FEATURES: drifted,
        contract.METRIC_DRIFT_PSI: psi,
    }
    return json.dumps(line)
