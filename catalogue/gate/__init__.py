"""The registration gate: what a model must pass before it may serve.

A model file is foreign code. Everything that reads it runs in a child process with limits on
memory, processor time and wall time; the parent only ever sees the child's report.
"""

from catalogue.gate.findings import Findings, Measurements
from catalogue.gate.limits import Limits
from catalogue.gate.process import answers_to, examine, examine_graph

__all__ = ["Findings", "Limits", "Measurements", "answers_to", "examine", "examine_graph"]
