"""Takes requests that wait, and gives their results."""
