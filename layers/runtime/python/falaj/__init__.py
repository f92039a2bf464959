"""The runtime: functions and containers import exactly this package."""
