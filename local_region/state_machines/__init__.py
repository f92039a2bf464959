"""Step Functions, as far as the stacks use it: functions invoked, and distributed maps."""
