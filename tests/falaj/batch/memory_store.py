"""Buckets in memory, as strict as S3, that can die at any write."""

from hashlib import md5

from falaj.domain.objects import Listed
from falaj.errors import BatchRefusedError


class KilledError(Exception):
    """The process is gone."""


class MemoryStore:
    """One bucket.

    Attributes:
        objects: What lies there.
        dies: Writes that are still allowed; None for any number.
        is_written: Whether the write that kills happens before the process is gone.
    """

    def __init__(self, objects=()):
        self.objects = dict(objects)
        self.dies = None
        self.is_written = False
        self.reads = 0

    def listed(self, prefix):
        """Tell what begins so."""
        for name, content in sorted(self.objects.items()):
            if name.startswith(prefix):
                yield Listed(name=name, etag=_etag(content), size=len(content))

    def read(self, name, *, start, end, etag):
        """Return a range."""
        self.reads += 1
        content = self.objects.get(name)
        if content is None or _etag(content) != etag:
            raise BatchRefusedError(f"{name} changed")
        return content[start:end]

    def find(self, name):
        """Return an object, if there is one."""
        return self.objects.get(name)

    def write_once(self, name, content):
        """Write what nobody wrote, or die."""
        if self.dies == 0:
            if self.is_written:
                self._write(name, content)
            raise KilledError
        self.dies = self.dies and self.dies - 1
        self._write(name, content)

    def _write(self, name, content):
        if self.objects.setdefault(name, content) != content:
            raise BatchRefusedError(f"{name} is there already")


def _etag(content):
    return md5(content, usedforsecurity=False).hexdigest()
