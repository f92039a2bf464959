"""EventBridge in the local region: rules, schedules and delivery at least once."""
