"""A version's golden cases, run by the version itself before any caller meets it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from falaj.aws.calls import Client, calling, code_of
from falaj.domain.observation import Verification, VerificationState
from falaj.domain.plan import Release

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
_SHOWN: Final = 300


class GoldenCases:
    """Asks versions to prove themselves.

    Args:
        client: A Lambda client that waits as long as a function may take.
    """

    def __init__(self, client: Client) -> None:
        self._lambda = client

    def verify(self, function: str, release: Release) -> Verification | None:
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
                    return _result(release, f"version {release.version} does not exist")
                raise
            payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            return _result(release, f"it does not start: {payload.decode()[:_SHOWN]}")
        return _result(release, _fault(payload, release))


def _fault(payload: bytes, release: Release) -> str:
    try:
        report: Mapping[str, Any] = json.loads(payload)
        served = report["models"].get(release.model)
        failed = [case for case in report["cases"] if not case["passed"]]
        executed = report["release"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "it does not answer golden cases: build it with a runtime that does"
    if executed != release.version:
        return f"release {executed} answered for {release.version}"
    if served is None:
        return f"it does not serve model {release.model}"
    if release.digest and served["digest"] != release.digest:
        return f"it serves bytes {served['digest'][:12]}…, wanted are {release.digest[:12]}…"
    if failed:
        first = failed[0]
        return f"{len(failed)} of {len(report['cases'])}: {first['name']}: {first['reason']}"
    return ""


def _result(release: Release, fault: str) -> Verification:
    state = VerificationState.FAILED if fault else VerificationState.PASSED
    return Verification(version=release.version, state=state, reason=fault)
