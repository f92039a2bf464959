"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.batch import handler

__all__ = ["handler"]
