"""Everything that a region has kept, found without knowing who keeps what.

Whatever holds state is walked through, attribute by attribute: every backend of moto that exists,
the region's own services, and every file that was written meanwhile. A path that is built tomorrow
keeps what it keeps in one of these, and is searched without a line here.
"""

import io
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType

from moto.core.base_backend import BackendDict

ATOMS = (int, float, complex, bool, type(None))
OWN = ("moto", "local_region", "tests")
"""Whose objects are walked into; what belongs to Python or another library holds no state of AWS's
but through these."""
IN_MEMORY = frozenset({"LambdaService", "Pools"})
"""What an environment was last given and answered is in its own memory, and ends with it; what
waits to be given to one is the queue's, and is searched."""
LARGEST_FILE = 8 * 2**20
"""No log, queue or scratch file here is near it; layers and models are, and are older anyway."""


def everything(running, folder, *, since):
    """Yield what a region keeps, by place.

    Args:
        running: The region.
        folder: Where its functions' files are.
        since: Files that are older were there before, in seconds since the epoch.
    """
    region = running.region
    for number, event in enumerate(running.events):
        yield f"line or event {number} ({type(event).__name__})", repr(event).encode()
    for backends in tuple(BackendDict._instances):
        held = backends.get(region.backends.account)
        if held is not None:
            for name, backend in tuple(held.items()):
                yield from _walked(f"moto {backends.service_name} {name}", backend)
    control = region.control
    for name, service in {
        "metrics and alarms": control.cloudwatch,
        "event bus": control.bus,
        "log subscriptions": control.subscriptions,
        "failed events": control.failed,
        "parameters": control.parameters,
        "asynchronous invocations": region.functions._events,
    }.items():
        yield from _walked(name, service)
    for below in (folder, region.containers._folder):
        yield from _files(Path(below), since)


def _files(folder, since):
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found = path.stat()
            if found.st_mtime >= since and found.st_size <= LARGEST_FILE:
                yield f"file {path.relative_to(folder)}", str(path).encode() + path.read_bytes()


def _walked(place, root):
    """Yield every text and every run of bytes below an object, one piece for each holder."""
    seen: set[int] = set()
    waiting = deque([(place, root)])
    while waiting:
        where, value = waiting.popleft()
        if isinstance(value, ATOMS) or id(value) in seen:
            continue
        seen.add(id(value))
        content = _content(value)
        if content is not None:
            yield where, content
            continue
        waiting.extend((f"{where}.{name}", inner) for name, inner in _inner(value))


def _content(value):
    """Return what an object says itself; None if it only holds others."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, io.IOBase | tempfile.SpooledTemporaryFile):
        if value.closed:
            return b""
        at = value.tell()
        value.seek(0)
        content = value.read()
        value.seek(at)
        return content if isinstance(content, bytes) else content.encode()
    return None


def _inner(value) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        return _paired(value)
    if isinstance(value, list | tuple | set | frozenset | deque):
        return ((str(number), item) for number, item in enumerate(tuple(value)))
    if isinstance(value, type | ModuleType):
        return iter(())
    return _attributes(value)


def _paired(value: Mapping) -> Iterator[tuple[str, object]]:
    for key, item in tuple(value.items()):
        yield "key", key
        yield str(key)[:60], item


def _attributes(value) -> Iterator[tuple[str, object]]:
    if is_dataclass(value):
        yield from ((field.name, getattr(value, field.name, None)) for field in fields(value))
    elif _is_walked(type(value)):
        yield from getattr(value, "__dict__", {}).items()
        for kind in type(value).__mro__:
            yield from ((name, getattr(value, name, None)) for name in _slots(kind))


def _is_walked(kind) -> bool:
    return kind.__module__.partition(".")[0] in OWN and kind.__name__ not in IN_MEMORY


def _slots(kind) -> tuple[str, ...]:
    named = kind.__dict__.get("__slots__", ())
    return (named,) if isinstance(named, str) else tuple(named)
