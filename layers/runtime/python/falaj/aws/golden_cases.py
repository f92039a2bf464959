"""A version's golden cases, run by the version itself before any caller meets it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.domain.plan import Release
from falaj.domain.proof import Proof, Shown

EVENT: Final = {"falaj": "verify"}
_NOT_NOW: Final = frozenset(
    {
        "TooManyRequestsException",
        "ResourceConflictException",
        "ResourceNotReadyException",
        "ServiceException",
        "SnapStartNotReadyException",
        "ENINotReadyException",
        "EC2ThrottledException",
    }
)
"""Refusals that say nothing about the version: it is asked again on the next tick.

Source: botocore's lambda/2015-03-31/service-2.json, errors of Invoke.
"""
_SAID: Final = 300
_SERVER_ERROR: Final = 500


class GoldenCases:
    """Asks versions to prove themselves.

    Args:
        client: A Lambda client that waits as long as a function may take.
    """

    def __init__(self, client: Client) -> None:
        self._lambda = client

    def ask(self, function: str, release: Release) -> Proof | None:
        """Invoke `function:version` directly; None when Lambda cannot run it just now.

        Raises:
            DependencyError: Lambda does not answer.
        """
        with calling("lambda", f"invoke version {release.version} of {function}"):
            try:
                answer = self._lambda.invoke(
                    FunctionName=function,
                    Qualifier=release.version,
                    Payload=json.dumps(EVENT).encode(),
                )
            except ClientError as error:
                if code_of(error) in _NOT_NOW:
                    return None
                if code_of(error) == "ResourceNotFoundException":
                    fault = f"version {release.version} does not exist"
                    return Proof(version=release.version, shown=Shown.UNFIT, fault=fault)
                raise
            payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            fault = f"it does not start: {payload.decode()[:_SAID]}"
            return Proof(version=release.version, shown=Shown.SILENT, fault=fault)
        shown, fault = _read(payload, release)
        return Proof(version=release.version, shown=shown, fault=fault)


def _read(payload: bytes, release: Release) -> tuple[Shown, str]:
    try:
        report: Mapping[str, Any] = json.loads(payload)
        served = report["models"].get(release.model)
        failed = [case for case in report["cases"] if not case["passed"]]
        executed = report["release"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Shown.UNFIT, "it does not answer golden cases: build it with a runtime that does"
    if executed != release.version:
        return Shown.UNFIT, f"release {executed} answered for {release.version}"
    if served is None:
        return Shown.UNFIT, f"it does not serve model {release.model}"
    if release.digest and served["digest"] != release.digest:
        bytes_ = f"bytes {served['digest'][:12]}…, wanted are {release.digest[:12]}…"
        return Shown.UNFIT, f"it serves {bytes_}"
    if failed:
        first, known = failed[0], len(report["cases"])
        # What it answers otherwise it will answer so again; an older runtime says no status.
        has_answered = any(case.get("status", _SERVER_ERROR) < _SERVER_ERROR for case in failed)
        shown = Shown.WRONG if has_answered else Shown.SILENT
        return shown, f"{len(failed)} of {known}: {first['name']}: {first['reason']}"
    return Shown.GOOD, ""
