"""A run as programs and people see it, and the exit that it ends a command with."""

import json
from typing import Any, Final

from cli.batch.client import RUNNING, SUCCEEDED, Progress
from cli.exits import Exit

_STATUS: Final = {
    RUNNING: "running",
    SUCCEEDED: "succeeded",
    "FAILED": "failed",
    "TIMED_OUT": "failed",
    "ABORTED": "stopped",
}


def document(described: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Write a run as the document that `--json` promises."""
    asked = json.loads(described.get("input", "{}"))
    output = json.loads(described.get("output") or "null")
    return {
        "run": described["name"],
        "status": _STATUS.get(described["status"], described["status"].lower()),
        "model": asked.get("model"),
        "model_version": asked.get("model_version"),
        "source": asked.get("source"),
        "destination": asked.get("target"),
        "shards": {"done": progress.done, "failed": progress.failed, "total": progress.total},
        "result": output,
        "error": _reason(described),
        "started": described["startDate"].isoformat(),
        "stopped": described["stopDate"].isoformat() if described.get("stopDate") else None,
    }


def _reason(described: dict[str, Any]) -> str | None:
    """Return why a run failed, in the function's own sentence where it is one."""
    error, cause = described.get("error"), described.get("cause") or ""
    if not error:
        return None
    try:
        told = json.loads(cause)
        cause = str(told.get("errorMessage", cause)) if isinstance(told, dict) else cause
    except ValueError:
        pass
    return f"{error}: {cause}" if cause else str(error)


def sentence(run: dict[str, Any]) -> str:
    """Say how a run stands."""
    shards, result = run["shards"], run["result"]
    head = f"[bold]{run['run']}[/] {run['status']}: {run['source']} → {run['destination']}"
    if result:
        return (
            f"{head}\n  {result['records']} records: {result['answered']} answered, "
            f"{result['quarantined']} quarantined; {result['manifest']}"
        )
    if run["error"]:
        return f"{head}\n  {run['error']}"
    total = "?" if shards["total"] is None else shards["total"]
    return f"{head}\n  {shards['done']} of {total} shards answered"


def exit_of(run: dict[str, Any], allowed: int) -> Exit:
    """Return the exit of a command that waited for a run."""
    if run["status"] == "succeeded":
        return Exit.REFUSED if run["result"]["quarantined"] > allowed else Exit.PASSED
    return Exit.ERROR if run["status"] == "failed" else Exit.INCONCLUSIVE
