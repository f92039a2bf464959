"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.authorizer import handler

__all__ = ["handler"]
