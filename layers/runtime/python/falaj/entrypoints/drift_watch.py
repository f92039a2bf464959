"""The drift watch's Lambda handler: it keeps lines of counts, and looks at every finished window.

CloudWatch Logs delivers the lines that model functions leave; a schedule has it look. Each look
reads everything again, so that lost, late and doubled events change nothing. It tells people by an
alarm and machines by an event; it touches no rollout, and has no right to.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import boto3

from falaj import contract
from falaj.aws.drift_events import DriftEvents
from falaj.aws.drift_store import DriftStore
from falaj.config.drift import DriftSettings
from falaj.domain.clock import Clock, SystemClock
from falaj.drift.looking import WINDOWS, Look, State, Window, look, merged
from falaj.drift.page import page
from falaj.drift.recording import kept, newest_before, window_of
from falaj.drift.reference import Reference
from falaj.entrypoints.experiment_recorder import DATA, delivery_of
from falaj.errors import ControllerError, DependencyError
from falaj.telemetry.drift import drift_line
from falaj.telemetry.service_log import ServiceLog

GRACE_S: Final = 600
"""How long after its end a window is looked at: functions tell each minute, logs take theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A reference, and the digest by which lines name it."""

    reference: Reference
    digest: str

    def counts(self, window: int) -> str:
        """Name the folder of a window's counts."""
        model, version = self.reference.model, self.reference.version
        return contract.drift_counts_prefix(model, version, self.digest, window)


def read_references(folder: Path) -> tuple[Known, ...]:
    """Read every reference of a folder, by model and version.

    Raises:
        ArtefactError: One is not readable.
    """
    contents = [path.read_bytes() for path in sorted(folder.glob("*/*.json"))]
    return tuple(
        Known(
            reference=Reference.from_dict(json.loads(content)), digest=sha256(content).hexdigest()
        )
        for content in contents
    )


class DriftWatch:
    """Handles deliveries and the schedule.

    Args:
        known: The references.
        store: Where counts and reports are.
        events: Whom changes of verdict are told to.
        clock: The time.
        write: Takes each log line; by default standard output.
    """

    def __init__(
        self,
        known: tuple[Known, ...],
        store: DriftStore,
        events: DriftEvents,
        *,
        clock: Clock | None = None,
        write: Callable[[str], object] = sys.stdout.write,
    ) -> None:
        self._known = {each.digest: each for each in known}
        self._store, self._events = store, events
        self._clock = clock or SystemClock()
        self._write = write
        self._log = ServiceLog("drift-watch", self._clock, write)

    def __call__(self, event: Mapping[str, Any], context: object = None) -> dict[str, Any]:
        """Keep a delivery, or look.

        Returns:
            How many lines were kept and how many were set aside; or each version's verdict.

        Raises:
            MalformedRequestError: It is a delivery that cannot be opened.
            DependencyError: S3 is dark; the delivery comes again.
            ControllerError: Some versions could not be looked at; the others were.
        """
        del context
        if "awslogs" in event or "requestPayload" in event:
            return self._keep(delivery_of(event))
        return self._look()

    # ---------------------------------------------------------------- deliveries
    def _keep(self, delivered: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, list[dict[str, Any]]] = {}
        aside = 0
        for entry in delivered["logEvents"] if delivered.get("messageType") == DATA else ():
            try:
                line = json.loads(entry["message"])
                # A version that is no longer in the catalogue, or was built anew, is unknown.
                known = self._known[line["reference"]]
                prefix = known.counts(window_of(line, known.reference))
                counted = kept(line, known.reference)
            except (ValueError, KeyError, TypeError):
                aside += 1
            else:
                found.setdefault(prefix, []).append(counted)
        for prefix, lines in found.items():
            self._store.write_counts(prefix, lines)
        if aside:
            self._log("WARNING", "lines of unknown references were set aside", lines=aside)
        return {"kept": sum(map(len, found.values())), "aside": aside}

    # --------------------------------------------------------------------- looks
    def _look(self) -> dict[str, Any]:
        verdicts: dict[str, str] = {}
        failures: dict[str, str] = {}
        worst: dict[str, tuple[int, float]] = {}
        for known in self._known.values():
            reference = known.reference
            name = f"{reference.model} {reference.version}"
            try:
                found = self._looked(known)
            except DependencyError as error:
                failures[name] = str(error)
                continue
            if found is None:
                continue
            verdicts[name] = found["state"]
            seen = len(found["drifted"]), found["psi"]
            worst[reference.model] = max(worst.get(reference.model, (0, 0.0)), seen)
        for model, (drifted, psi) in worst.items():
            line = drift_line(model, drifted=drifted, psi=psi, at=self._clock.now())
            self._write(line + "\n")
        if failures:
            raise ControllerError(failures)
        return {"verdicts": verdicts}

    def _looked(self, known: Known) -> dict[str, Any] | None:
        """Return a version's report, made anew where a window has ended; None for one unasked."""
        reference = known.reference
        length = reference.rules.window_s
        now = self._clock.now()
        newest = newest_before(now.timestamp() - GRACE_S, length) - length
        before = self._report(known)
        if before is not None and before["windows"][-1]["since"] >= newest:
            return before
        starts = [newest - length * ago for ago in reversed(range(WINDOWS))]
        # A window that was judged once stays as it was, whatever still comes of it.
        judged = {each["since"]: each["counts"] for each in before["windows"]} if before else {}
        windows = [
            Window(since=start, counts=tuple(map(tuple, judged[start])))
            if start in judged
            else merged(reference, start, self._store.counts(known.counts(start)))
            for start in starts
        ]
        if before is None and not any(window.rows for window in windows):
            return None
        seen = look(reference, windows)
        document = {"at": now.isoformat(), "reference": known.digest, **seen.to_dict()}
        self._tell(seen, document, before["state"] if before else "")
        self._store.write_report(
            reference.model,
            reference.version,
            document=json.dumps(document, ensure_ascii=False),
            page=page(document),
        )
        return document

    def _report(self, known: Known) -> dict[str, Any] | None:
        """Return the report before; None where there is none of this reference."""
        text = self._store.report(known.reference.model, known.reference.version, "json")
        found: dict[str, Any] | None = json.loads(text) if text is not None else None
        return found if found and found["reference"] == known.digest else None

    def _tell(self, seen: Look, document: Mapping[str, Any], before: str) -> None:
        """Tell of a change before it is written down: rather twice than never."""
        state = seen.state
        if state.value == before or State.DRIFTED not in {state, before}:
            return
        model, version = seen.reference.model, seen.reference.version
        self._events.publish(
            {
                "model": model,
                "version": version,
                "state": state.value,
                "before": before or None,
                "drifted": list(seen.drifted),
                "psi": seen.psi,
                "since": document["windows"][-1]["since"],
                "report": contract.drift_report_key(model, version, "html"),
            }
        )
        self._log(
            "WARNING" if state is State.DRIFTED else "INFO",
            f"{model} {version} is {state.value}, before: {before or 'unknown'}",
            model_name=model,
            model_version=str(version),
            drifted=list(seen.drifted),
        )


handler: DriftWatch


def __getattr__(name: str) -> DriftWatch:
    """Make the handler when it is first named, while Lambda initialises the environment."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = DriftSettings.from_env()
    made = globals()["handler"] = DriftWatch(
        read_references(Path(settings.references)),
        DriftStore(boto3.client("s3"), settings.bucket),
        DriftEvents(boto3.client("events")),
    )
    return made
