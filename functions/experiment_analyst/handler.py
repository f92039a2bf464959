"""Lambda calls `handler.handler`; it is the runtime's, with the statistics handed to it."""

from analysis.desk import Desk
from falaj.entrypoints.experiment_analyst import make_handler

handler = make_handler(Desk())

__all__ = ["handler"]
