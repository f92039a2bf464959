"""CloudWatch Logs as far as others depend on it: subscriptions to what functions print."""
