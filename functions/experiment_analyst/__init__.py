"""The function that looks after experiments; the only one that carries the statistics."""
