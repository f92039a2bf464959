"""CloudWatch in the local region: metrics, metric math, alarms that change state as AWS's do."""
