"""Before a GPU service: forwards, falls back, wakes."""
