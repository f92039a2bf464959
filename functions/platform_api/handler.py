"""The function that answers whatever is not a model's own."""

from falaj.entrypoints.platform_api import handler

__all__ = ["handler"]
