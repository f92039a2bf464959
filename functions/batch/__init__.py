"""The function that runs a model."""
