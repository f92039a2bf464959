"""Experiments as far as they run beside requests: assignment, records, declaration, life.

Standard library only, but for a hash in C where it is installed. The statistics live in the
top-level package `analysis`, which reports and the CLI import and requests never do.
"""

from falaj.experiments.assignment import Allocation, Assignment, Reason, assign
from falaj.experiments.hashing import bucket, in_namespace
from falaj.experiments.namespace import Namespace
from falaj.experiments.ranges import bucket_ranges, choose_variation
from falaj.experiments.subject import SubjectFault, SubjectSource, Where

__all__ = [
    "Allocation",
    "Assignment",
    "Namespace",
    "Reason",
    "SubjectFault",
    "SubjectSource",
    "Where",
    "assign",
    "bucket",
    "bucket_ranges",
    "choose_variation",
    "in_namespace",
]
