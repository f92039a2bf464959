"""Counts what a process's models see and say, and leaves a line of counts every minute.

A line holds integers only. It is written when the first request after the minute has been answered:
a frozen environment has nothing to tell, and one that ends has told all but its last minute.
"""

import json
import os
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from math import prod
from typing import TYPE_CHECKING, Any, Final

from falaj.contract import DRIFT_FILE, DRIFT_MESSAGE
from falaj.domain.manifest import Manifest
from falaj.drift.counting import Counters
from falaj.drift.reference import Reference
from falaj.engines.folders import content_of, packaged_model
from falaj.engines.repository import ServedModel
from falaj.errors import ArtefactError
from falaj.http.service import Service

if TYPE_CHECKING:
    from falaj.entrypoints.shadow import Handler

EVERY: Final = timedelta(minutes=1)


class Drift:
    """The counters of one process.

    Args:
        service: Whose models are watched, each that has a reference.
        root: Folder of `<name>/<version>/drift.json`.
        name: Makes the random name of this process.

    Raises:
        ArtefactError: A reference is not what its manifest says.
    """

    def __init__(
        self, service: Service, root: str, *, name: Callable[[], str] = lambda: os.urandom(8).hex()
    ) -> None:
        self._service, self._root = service, root
        self._name, self._lines = name(), 0
        self._since = service.clock.now()
        self._due = self._since + EVERY
        self._watch()

    def after(self, at: datetime, write: Callable[[str], object]) -> None:
        """Leave the lines that are due at a request's time; most requests leave none."""
        if at >= self._due:
            self.flush(at, write)

    def flush(self, now: datetime, write: Callable[[str], object]) -> None:
        """Leave a line for each model that answered since the last time."""
        for model in self._service.repository.loaded():
            counters = model.drift
            if counters is None:
                continue
            counts, rows = counters.take()
            if rows:
                write(json.dumps(self._line(model, counts, rows, now)) + "\n")
        self._since, self._due = now, now + EVERY
        # Versions that callers name are loaded when one first does.
        self._watch()

    def forget(self) -> None:
        """Drop what was counted: golden cases are nobody's requests."""
        for model in self._service.repository.loaded():
            if model.drift is not None:
                model.drift.take()

    def _watch(self) -> None:
        for model in self._service.repository.loaded():
            if model.drift is None and model.manifest.drift:
                model.drift = counters_of(model.manifest, self._root)

    def _line(
        self, model: ServedModel, counts: list[list[int]], rows: int, now: datetime
    ) -> dict[str, Any]:
        self._lines += 1
        return {
            "level": "INFO",
            "timestamp": now.isoformat(),
            "message": DRIFT_MESSAGE,
            "model_name": model.name,
            "model_version": model.version,
            "release": self._service.release,
            "reference": model.manifest.drift,
            "id": f"{self._name}-{self._lines}",
            "since": self._since.timestamp(),
            "until": now.timestamp(),
            "rows": rows,
            "counts": counts,
        }


def counted(
    handler: "Handler",
    service: Service,
    root: str,
    *,
    write: Callable[[str], object] | None = None,
) -> "Handler":
    """Let a handler's models be watched.

    Args:
        handler: Answers events.
        service: What it serves.
        root: As for `Drift`.
        write: Takes each line; by default standard output, which Lambda sends to CloudWatch.

    Raises:
        ArtefactError: A reference is not what its manifest says.
    """
    drift, clock = Drift(service, root), service.clock
    tell = write or sys.stdout.write

    def handle(event: Any, context: Any) -> Any:  # noqa: ANN401 - Lambda's own
        result = handler(event, context)
        if isinstance(event, dict) and event.get("falaj") == "verify":
            drift.forget()
        else:
            drift.after(clock.now(), tell)
        return result

    return handle


def counters_of(manifest: Manifest, root: str) -> Counters:
    """Make the counters of a version, whose reference lies beside its manifest.

    Args:
        manifest: Signed, and with a reference.
        root: Folder in Triton's layout.

    Raises:
        ArtefactError: The reference is not what the manifest says.
    """
    artefact = f"model '{manifest.name}' version {manifest.version}"
    path = packaged_model(root, manifest.name, manifest.version, DRIFT_FILE)
    content = content_of(path) if path else b""
    digest = sha256(content).hexdigest()
    if digest != manifest.drift:
        raise ArtefactError(
            artefact=artefact,
            reason=f"its {DRIFT_FILE} has sha256 {digest}, the manifest promises {manifest.drift}",
        )
    reference = Reference.from_dict(json.loads(content))
    sides = (("input", manifest.signature.inputs), ("output", manifest.signature.outputs))
    watched = {(each.side.value, each.tensor) for each in reference.features}
    specs = {
        (side, spec.name): spec
        for side, group in sides
        for spec in group
        if (side, spec.name) in watched
    }
    return Counters(
        reference,
        {key: prod(spec.shape[1:]) for key, spec in specs.items()},
        {key: spec.datatype.numpy_name for key, spec in specs.items()},
    )
