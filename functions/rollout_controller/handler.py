"""Lambda calls `handler.handler`; everything it does lives in the runtime."""

from falaj.entrypoints.rollout_controller import handler

__all__ = ["handler"]
