"""Promise: the running region refuses what must be refused, and nothing in it dies."""

import gzip
import json
from time import monotonic

import pytest

INFER = "/v2/models/breast-cancer/infer"
JSON = {"content-type": "application/json"}
GZIP = {**JSON, "content-encoding": "gzip"}
ROW = "[" + ",".join(["0"] * 30) + "]"


def _body(shape="[1, 30]", datatype="FP32", data=ROW, more=""):
    tensor = f'{{"name":"features","shape":{shape},"datatype":"{datatype}","data":{data}}}'
    return f'{{"inputs":[{tensor}]{more}}}'.encode()


ATTACKS = {
    "shape bomb": (INFER, JSON, _body(shape=f"[{2**40},30]")),
    "wrong dtype": (INFER, JSON, _body(datatype="INT64")),
    "wrong size": (INFER, JSON, _body(data="[1,2]")),
    "huge integer": (INFER, JSON, _body(data=ROW.replace("0", "1" + "0" * 5000, 1))),
    "NaN": (INFER, JSON, _body(data=ROW.replace("0", "NaN", 1))),
    "deep nesting": (INFER, JSON, _body(data="[" * 100_000 + "]" * 100_000)),
    "brackets": (INFER, JSON, b"[" * 4_000_000),
    "trailing bytes": (INFER, JSON, _body() + b"x"),
    "duplicate name": (
        INFER,
        JSON,
        _body()[:-2] + b"," + _body()[len(b'{"inputs":[') :],
    ),
    "invalid UTF-8": (INFER, JSON, b'{"inputs":"\xff"}'),
    "unknown output": (INFER, JSON, _body(more=',"outputs":[{"name":"nothing"}]')),
    "unknown model": ("/v2/models/nobody/infer", JSON, _body()),
    "unknown version": ("/v2/models/breast-cancer/versions/99/infer", JSON, _body()),
    "gzip bomb": (INFER, GZIP, gzip.compress(b"0" * 200_000_000, 9)),
    "binary without its length": (
        INFER,
        {"inference-header-content-length": "10000"},
        _body() + b"\0" * 120,
    ),
}


@pytest.fixture(params=["region", "enterprise_region"])
def served(request):
    """Both profiles, one after the other."""
    return request.getfixturevalue(request.param)


def _processes(served):
    functions = served.region.functions
    names = served.call(functions.list_functions)
    return {
        one.pid for view in names for one in served.call(functions.environments, view.function_name)
    }


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_is_refused_and_the_environment_lives_on(served, attack):
    """The caller gets a 4xx with the error body; the process that said so serves the next one."""
    path, headers, body = ATTACKS[attack]
    served.request(INFER, body=_body(), headers=JSON)
    before = _processes(served)
    began = monotonic()

    status, _, refused = served.request(path, body=body, headers=headers)

    seconds = monotonic() - began
    assert 400 <= status < 500
    assert isinstance(json.loads(refused)["error"], str)
    assert seconds < 20  # a hang, not a measurement: those are in tests/falaj/http/test_hostile.py
    assert served.request(INFER, body=_body(), headers=JSON)[0] == 200
    assert before <= _processes(served)
