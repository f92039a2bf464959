"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.drift_watch import handler

__all__ = ["handler"]
