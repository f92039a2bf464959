"""The function that keeps exposures."""
