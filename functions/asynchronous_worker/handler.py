"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.asynchronous_worker import handler

__all__ = ["handler"]
