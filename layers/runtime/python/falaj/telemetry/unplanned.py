"""The line the authorizer leaves for a tenant that no usage plan is for."""

import json
from datetime import datetime

from falaj.contract import (
    ALL_MODELS,
    DIMENSION_SCOPE,
    METRIC_NAMESPACE,
    METRIC_UNPLANNED_TENANTS,
)


def unplanned_line(tenant: str, *, at: datetime) -> str:
    """Write it as a log line that is its metric as well, without the line break."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": int(at.timestamp() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": METRIC_NAMESPACE,
                        "Dimensions": [[DIMENSION_SCOPE]],
                        "Metrics": [{"Name": METRIC_UNPLANNED_TENANTS, "Unit": "Count"}],
                    }
                ],
            },
            DIMENSION_SCOPE: ALL_MODELS,
            METRIC_UNPLANNED_TENANTS: 1,
            "level": "WARNING",
            "message": "tenant without a usage plan of its own",
            "service": "authorizer",
            "tenant": tenant,
        }
    )
