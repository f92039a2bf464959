"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.audit_recorder import handler

__all__ = ["handler"]
