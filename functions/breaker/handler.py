"""The function before a GPU service that may be absent."""

from falaj.entrypoints.breaker import handler

__all__ = ["handler"]
