"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.load_shedder import handler

__all__ = ["handler"]
