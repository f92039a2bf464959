"""The GPU container."""
