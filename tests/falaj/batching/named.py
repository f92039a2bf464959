"""Entries that can be told apart."""

from falaj.batching.entry import Entry


class Named(Entry):
    """A request with a name.

    Args:
        name: What it is called.
        values: Whatever differs from the usual.
    """

    def __init__(self, name="", **values):
        self.name = name
        vars(self).update(values)


def names_of(entries):
    """What they are called, in order."""
    return [entry.name for entry in entries]
