"""The line an environment leaves when it does not start because of an artefact."""

import json
from datetime import datetime

from falaj.contract import (
    ALL_MODELS,
    DIMENSION_MODEL,
    DIMENSION_SCOPE,
    METRIC_NAMESPACE,
    METRIC_REFUSED_STARTS,
)
from falaj.errors import ArtefactError


def refusal_line(error: ArtefactError, *, model: str, release: str, at: datetime) -> str:
    """Write the refusal as a log line that is its metric as well, without the line break."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": int(at.timestamp() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": METRIC_NAMESPACE,
                        "Dimensions": [[DIMENSION_MODEL], [DIMENSION_SCOPE]],
                        "Metrics": [{"Name": METRIC_REFUSED_STARTS, "Unit": "Count"}],
                    }
                ],
            },
            DIMENSION_MODEL: model or "all",
            DIMENSION_SCOPE: ALL_MODELS,
            METRIC_REFUSED_STARTS: 1,
            "level": "ERROR",
            "message": "refused to start",
            "release": release,
            "error_code": error.code,
            "error": str(error),
        }
    )
