"""What each command prints with `--json`: its keys, in one table.

`docs/reference/cli.md` is written from it, and every document that a test of the command line reads
is held to it. Keys are promised: they may become more, none goes away or changes its meaning.
"""

from collections.abc import Mapping
from typing import Final

Shape = Mapping[str, str]
"""Meaning by key; a key that ends in `?` may be missing."""

ERROR: Final[Shape] = {
    "error": "one sentence: what is wrong, and what to do",
    "code": "the kind of error, one word",
    "faults?": "every fault, where there are several",
    "status?": "the HTTP status, where a service refused",
    "answer?": "the service's own error body",
}

_CALL: Final[Shape] = {"would_call": "the call that --dry-run leaves out"}
_ROLLOUT: Final[Shape] = {
    "model": "its name",
    "outcome": "how the rollout ended, or null",
    "phase": "where it stands",
    "share": "the candidate's share of traffic, 0 to 1",
    "candidate": "the Lambda version that is judged",
    "stable": "the Lambda version that serves otherwise",
    "next": "what happens next, as a sentence",
    "blocked_by": "what holds it up",
    "at": "when this was seen",
    "status": "the controller's whole state",
    "measured": "traffic, evidence and alarms, or null",
    "unmeasured_because?": "why nothing was measured",
}
_BATCH: Final[Shape] = {
    "run": "its name",
    "status": "running, succeeded, failed or stopped",
    "model": "the model's name",
    "model_version": "the version that answers",
    "source": "where the records are",
    "destination": "where the answers go",
    "shards": "how many are done, failed, and total (null before they are known)",
    "result": "records, answered, quarantined, shards, manifest and its sha256, or null",
    "error": "why it failed, or null",
    "started": "when it began",
    "stopped": "when it ended, or null",
}
_STEERED: Final[Shape] = {
    "answered": "obeyed, refused or waiting",
    "command": "what was sent",
    "decision": "what was decided on it, or null",
    "status": "the controller's whole state",
}
_EXPERIMENT: Final[Shape] = {"status": "the experiment's phase, verdict, reason, arms and log"}
_REPORT: Final[Shape] = {
    "experiment": "the declaration",
    "made_at": "when it was made",
    "verdict": "winner, loser, no_difference, inconclusive or invalid",
    "sentence": "the verdict, for people",
    "reason": "why",
    "arm": "the arm it is about, or null",
    "by_arm": "each arm's verdict and reason",
    "method": "how it was tested",
    "alpha": "two-sided level",
    "units": "units that were counted",
    "balance": "units by arm, declared shares, and the evidence that they differ",
    "metrics": "each metric and arm: the latest look, and all looks",
    "bandit": "shares, regret and floor, or null",
    "tally": "how many records were read, used and set aside",
    "decisions": "when what was decided, and why",
}

_DRIFT: Final[Shape] = {
    "at": "when this was said",
    "reference": "sha256 of the reference",
    "model": "its name",
    "version": "its version",
    "state": "drifted, steady or not_enough",
    "drifted": "names of the features that have, in two of the last three windows",
    "psi": "the worst feature's stability index in the newest window, its bias taken off",
    "rules": "window_s, delta and false_alarm, as registered",
    "windows": "each window: since, rows, shifted, counts",
    "features": "each feature, the worst first: name, side, figures, bins and counts",
}

SHAPES: Final[Mapping[str, tuple[Shape, ...]]] = {
    "up": (
        {
            "api": "address of the API",
            "aws": "address of AWS's services, boto3's endpoint_url",
            "dashboards": "address of the dashboards' pages",
            "profile": "smb or enterprise",
            "models": "names of the models",
            "domains": "address by custom domain",
            "grpc": "address by model with a container",
            "replicas": "healthy and desired ones, by such model",
            "access": "open, jwt or iam",
            "try": "a line to paste into a shell",
            "token?": "a token that the API believes",
            "aws_access_key_id?": "whose signature the API believes",
            "aws_secret_access_key?": "its secret",
        },
    ),
    "synth": ({"assembly": "the folder of the stacks", "profile": "smb or enterprise"},),
    "infer": (
        {
            "model_name": "which model answered",
            "model_version": "which version of it",
            "outputs": "the protocol's output tensors",
            "id?": "the request's own id",
            "parameters?": "the protocol's parameters, an experiment's arm among them",
        },
    ),
    "token": (
        {"token": "a JSON web token", "tenant": "on whose behalf", "scopes": "what it opens"},
    ),
    "rehearse": (
        {
            "verdict": "promoted, rolled_back, aborted or inconclusive",
            "reason": "why",
            "cause": "the alarm or the guard's objective that decided",
            "model": "its name",
            "from": "the model version that was stable",
            "to": "the model version that was the candidate",
            "seed": "of every random choice",
            "traffic_rps": "requests a second",
            "faults": "what befell requests: fault, reach",
            "outages": "what of the region failed",
            "requests": "all requests since the release",
            "unanswered": "those that got no answer at all",
            "throttled": "those that Lambda had no room for",
            "candidate_requests": "those that the candidate got",
            "candidate_bad": "those of them answered 5xx",
            "candidate_cold_starts": "those of them that were an environment's first",
            "stable_requests": "those that stable got",
            "stable_bad": "those of them answered 5xx",
            "virtual_seconds": "from the release to the end",
            "final_alias": "version and weights of the alias in the end",
            "plan": "the release plan",
            "minutes": "answers by priority, where zones are lost",
            "timeline": "what happened: at_s, kind, text",
            "spans": "requests over time",
            "levels": "what the controller said over time",
        },
        {
            "verdict": "the experiment's, with --experiment",
            "phase": "where the experiment ended",
            "sentence": "the report's headline",
            "reason": "why it ended there",
            "model": "its name",
            "experiment": "its name",
            "seed": "of every random choice",
            "base": "the control's true rate or mean",
            "traffic_rps": "requests a second",
            "effects": "each arm: true effect, estimate, interval, is_covered",
            "units": "units that were counted",
            "requests": "requests that were answered",
            "outcomes": "pieces of feedback that were taken",
            "virtual_seconds": "from the start to the end",
            "final_alias": "version and weights of the alias in the end",
            "timeline": "what happened: at_s, kind, text",
        },
        {
            "model": "one on GPU machines",
            "verdict": "whether everybody was answered",
            "lost": "zones that were lost",
            "dark": "services that answered nobody",
            "capacity": "instance types by zone",
            "machines_at_most": "machines at once",
            "replicas_wanted": "how many",
            "replicas_ended": "how many ended with their zones",
            "stretches": "answers before, during and after",
        },
    ),
    "doctor": ({"ok": "whether all will do", "checks": "each check: what, ok, found, mend"},),
    "drift status": ({"versions": "each watched version, as `drift report` tells it"},),
    "drift report": (_DRIFT,),
    "shed": (
        {
            "before": "the last priority that was answered before, or auto",
            "admitted": "the one that is answered now",
        },
    ),
    "batch run": (_BATCH, _CALL),
    "batch status": (_BATCH,),
    "batch list": ({"runs": "each run, as `batch status` tells it, the newest first"},),
    "batch stop": (_BATCH, _CALL),
    "models list": (
        {"models": "each model: name, version, versions, target, built, owner, description"},
    ),
    "models validate": ({"valid": "names of the models that were checked"},),
    "models build": (
        {"built": "each version: name, version, sha256, size_bytes, golden_cases, path"},
    ),
    "models add": (
        {
            "name": "the model's name",
            "version": "the version it became, or null",
            "written": "paths that were written",
            "findings": "what the examination found",
        },
    ),
    "models triton": (
        {"model": "its name", "config": "text of config.pbtxt"},
        {"model": "its name", "path": "where config.pbtxt was written"},
    ),
    "models sign": (
        {
            "signed": "each version: name, version, sha256",
            "would": "the same, with --dry-run",
            "publisher": "fingerprint of the key",
        },
    ),
    "models publish": (
        {
            "published": "each version: name, version, sha256",
            "would": "the same, with --dry-run",
            "publisher": "fingerprint of the key",
        },
    ),
    "models keys": ({"keys": "each key: fingerprint, is_throw_away"},),
    "rollout status": (_ROLLOUT, {"rollouts": "with --all, such a document for each model"}),
    "rollout watch": (_ROLLOUT,),
    "rollout history": (
        {
            "model": "its name",
            "decisions": "the last decisions",
            "saved": "paths of fetched records",
        },
    ),
    "rollout replay": (
        {
            "same": "whether it follows from its inputs",
            "differences": "where it does not, as sentences",
            "signed_by": "sha256 of the key that its signature was verified with, or null",
            "model": "its name",
            "generation": "number of the decision",
            "at": "when it was made",
            "phase": "what it led to",
            "reason": "why",
        },
    ),
    **{
        f"rollout {verb}": (_STEERED, _CALL)
        for verb in ("pause", "resume", "promote", "abort", "approve", "undo")
    },
    "experiment plan": (
        {
            "question": "what was asked",
            "plans": "each method: units, days, power",
            "declare": "keys to declare, by method",
        },
    ),
    "experiment status": (
        _EXPERIMENT,
        {"experiments": "such a status for each, where none is named"},
    ),
    "experiment report": (_REPORT,),
    **{f"experiment {verb}": (_EXPERIMENT, _CALL) for verb in ("start", "grow", "decide", "stop")},
    "audit alarms": (
        {
            "ok": "whether every alarm can fire",
            "alarms": "each proof",
            "findings": "each alarm that cannot, and its mend",
        },
    ),
    "audit dashboards": (
        {
            "ok": "whether every line of every dashboard can show something",
            "dashboards": "each dashboard: stack, name, widgets, metrics, graphs",
            "findings": "what can show nothing: stack, dashboard, widget, problem",
        },
    ),
    "audit residency": (
        {
            "ok": "whether no rule is broken",
            "region": "the only one",
            "made": "when",
            "profiles": "smb or enterprise",
            "faults": "each broken rule, as a sentence",
            "controls": "each control and its verdict",
            "rules": "each rule: id, title, reason, source",
            "findings": "what offends, with no exception",
            "excused": "what offends, with its exception",
            "exceptions": "all of them",
            "stacks": "each stack: name, region, account, tags",
            "resources": "each resource that was looked at",
            "templates": "sha256 by template",
            "tools": "version by tool",
        },
    ),
    "audit iam": ({"roles": "each role: what it may and may not do, in sentences"},),
    "audit verify": (
        {
            "ok": "whether the trail is whole",
            "records": "how many were read",
            "unanswered": "those of requests that were begun and not ended",
            "segments": "how many were read",
            "chains": "how many they form",
            "checkpoints": "how many were read",
            "anchored_until": "when the newest checkpoint was written",
            "head": "the newest checkpoint, for --head the next time",
            "unanchored": "segments that were written after it",
            "faults": "each fault, as a sentence",
            "signed_by": "fingerprint of the key",
        },
    ),
    "audit who": ({"pseudonyms": "under which somebody may have been recorded"},),
    "audit new-key": (
        {
            "tenant": "its name",
            "key": "id of the key, or null with --dry-run",
            "recorded": "whether the trail says so; false where the profile keeps none",
        },
    ),
    "audit erase": (
        {
            "tenant": "its name",
            "destroyed": "ids of keys that are gone",
            "would": "ids of keys that were chosen",
            "recorded": "whether the trail says so; false where the profile keeps none",
        },
    ),
}
"""By command, one shape for each way in which it can be asked."""


def fits(keys: frozenset[str], shape: Shape) -> bool:
    """Whether a document with these keys is of a shape.

    Example:
        >>> fits(frozenset({"error", "code"}), ERROR), fits(frozenset({"error"}), ERROR)
        (True, False)
    """
    needed = {key for key in shape if not key.endswith("?")}
    return needed <= keys <= {key.removesuffix("?") for key in shape}
