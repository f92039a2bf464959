"""What a version answers to its golden cases is told apart by whose fault it may be."""

import io
import json

import pytest
from botocore.exceptions import ClientError

from falaj.aws.golden_cases import GoldenCases
from falaj.domain.plan import Plan, Release
from falaj.domain.proof import Shown

RELEASE = Release(model="m", serial=1, version="2", plan=Plan(), digest="d" * 64)
SERVED = {"m": {"version": 1, "digest": "d" * 64}}
WRONG = {"name": "ones", "passed": False, "reason": "output 'y' is 3.0", "status": 200}
SILENT = {"name": "twos", "passed": False, "reason": "answered 500: no disk", "status": 500}
OLD = {"name": "ones", "passed": False, "reason": "output 'y' is 3.0"}
GOOD = {"name": "ones", "passed": True, "reason": "", "status": 200}


class Lambda:
    """Answers Invoke as it is told."""

    def __init__(self, document, error=None, refusal=""):
        self._payload, self._error, self._refusal = json.dumps(document).encode(), error, refusal

    def invoke(self, **_):
        """Answer, or refuse."""
        if self._refusal:
            raise ClientError({"Error": {"Code": self._refusal, "Message": ""}}, "Invoke")
        answer = {"Payload": io.BytesIO(self._payload)}
        return answer | ({"FunctionError": self._error} if self._error else {})


def report(*cases, release="2", models=SERVED):
    """What `falaj.http.golden.verify` says."""
    return {"release": release, "models": models, "cases": list(cases)}


@pytest.mark.parametrize(
    ("answers", "shown", "fault"),
    [
        (Lambda(report(GOOD)), Shown.GOOD, ""),
        (Lambda(report(GOOD, WRONG)), Shown.WRONG, "1 of 2: ones: output 'y' is 3.0"),
        (Lambda(report(SILENT, WRONG)), Shown.WRONG, "2 of 2: twos: answered 500: no disk"),
        (Lambda(report(SILENT)), Shown.SILENT, "1 of 1: twos: answered 500: no disk"),
        (Lambda(report(OLD)), Shown.SILENT, "1 of 1: ones: output 'y' is 3.0"),
        (Lambda("no module", error="Unhandled"), Shown.SILENT, 'it does not start: "no module"'),
        (Lambda(report(GOOD, release="3")), Shown.UNFIT, "release 3 answered for 2"),
        (Lambda(report(GOOD, models={})), Shown.UNFIT, "it does not serve model m"),
        (Lambda("pong"), Shown.UNFIT, "it does not answer golden cases"),
        (Lambda({}, refusal="ResourceNotFoundException"), Shown.UNFIT, "version 2 does not exist"),
    ],
)
def test_what_a_version_shows_is_told_apart(answers, shown, fault):
    """A wrong value is wrong again; a 5xx, or no start, may be the moment's or the region's."""
    proof = GoldenCases(answers).ask("Predict-m", RELEASE)

    assert (proof.version, proof.shown) == ("2", shown)
    assert proof.fault.startswith(fault)
    assert bool(proof.fault) is bool(fault)


def test_a_version_that_cannot_be_run_now_shows_nothing():
    """Throttled is not failed."""
    assert GoldenCases(Lambda({}, refusal="TooManyRequestsException")).ask("f", RELEASE) is None
