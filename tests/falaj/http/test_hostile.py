"""Hostile input costs a bounded amount and ends in a 4xx; the process lives on."""

import gzip
import json
import os
import pickle
import subprocess
import sys
import zlib

import pytest

from falaj.http.messages import Request
from falaj.http.oip import answer

ROWS = "/v2/models/rows/infer"
HUGE = "1" + "0" * 5000


def _document(shape="[1, 30]", datatype='"FP32"', data="[0]", *, name='"x"', more=""):
    tensor = f'{{"name": {name}, "shape": {shape}, "datatype": {datatype}, "data": {data}}}'
    return f'{{"inputs": [{tensor}]{more}}}'.encode()


def _binary(parameters, raw, *, length=None):
    tensor = f'{{"name": "x", "shape": [1, 30], "datatype": "FP32", "parameters": {parameters}}}'
    text = f'{{"inputs": [{tensor}]}}'.encode()
    headers = {"inference-header-content-length": str(len(text) if length is None else length)}
    return ROWS, headers, text + raw


def _typed_binary(model, datatype, raw):
    tensor = {
        "name": "x",
        "shape": [1],
        "datatype": datatype,
        "parameters": {"binary_data_size": len(raw)},
    }
    text = json.dumps({"inputs": [tensor]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    return f"/v2/models/{model}/infer", headers, text + raw


THIRTY = "[" + ",".join(["0"] * 30) + "]"
ATTACKS = {
    "shape bomb": (ROWS, {}, _document(shape="[1000000000, 30]")),
    "shape of huge sizes": (ROWS, {}, _document(shape=f"[{2**62}, {2**62}]")),
    "shape beyond 64 bits": (ROWS, {}, _document(shape=f"[{2**64}, 30]")),
    "shape that overflows to the right count": (
        "/v2/models/cube/infer",
        {},
        _document(shape=f"[{2**32}, {2**32}, 1]", data="[]"),
    ),
    "negative size": (ROWS, {}, _document(shape="[-1, 30]", data=THIRTY)),
    "negative sizes with a positive product": (ROWS, {}, _document(shape="[-1, -30]", data=THIRTY)),
    "fractional size": (ROWS, {}, _document(shape="[1.0, 30]", data=THIRTY)),
    "boolean size": (ROWS, {}, _document(shape="[true, 30]", data=THIRTY)),
    "empty with a giant side": (
        "/v2/models/cube/infer",
        {},
        _document(shape=f"[0, {2**40}, 1]", data="[]"),
    ),
    "rank bomb": (ROWS, {}, _document(shape=str([1] * 100_000))),
    "shape is no list": (ROWS, {}, _document(shape='"30"')),
    "unknown datatype": (ROWS, {}, _document(datatype='"FP128"')),
    "datatype is no string": (ROWS, {}, _document(datatype="7")),
    "wrong datatype": (ROWS, {}, _document(datatype='"INT64"', data=THIRTY)),
    "too few values": (ROWS, {}, _document(data="[1, 2]")),
    "no data": (ROWS, {}, b'{"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP32"}]}'),
    "data is null": (ROWS, {}, _document(data="null")),
    "data is an object": (ROWS, {}, _document(data='{"0": 1}')),
    "NaN": (ROWS, {}, _document(data=THIRTY.replace("0", "NaN"))),
    "Infinity": (ROWS, {}, _document(data=THIRTY.replace("0", "-Infinity"))),
    "huge exponent": (ROWS, {}, _document(data=THIRTY.replace("0", "1e999"))),
    "huge integer": (ROWS, {}, _document(data=THIRTY.replace("0", HUGE, 1))),
    "huge integer as size": (ROWS, {}, _document(shape=f"[{HUGE}, 30]")),
    "huge integer in parameters": (ROWS, {}, _document(data=THIRTY, more=f', "id": {HUGE}')),
    "beyond FP32": (ROWS, {}, _document(data=THIRTY.replace("0", "1e39"))),
    "beyond INT8": (
        "/v2/models/id-int8/infer",
        {},
        _document(shape="[1]", datatype='"INT8"', data="[128]"),
    ),
    "deep nesting": (ROWS, {}, _document(data="[" * 100_000 + "]" * 100_000)),
    "nesting within the parser's depth": (ROWS, {}, _document(data="[" * 900 + "]" * 900)),
    "nested text within the parser's depth": (
        "/v2/models/id-bytes/infer",
        {},
        _document(
            shape="[1]", datatype='"BYTES"', data='["' + "a" * 5000 + '",' + "[" * 900 + "]" * 901
        ),
    ),
    "deep nesting elsewhere": (
        ROWS,
        {},
        _document(data=THIRTY, more=', "parameters": ' + '{"a":' * 900 + "1" + "}" * 900),
    ),
    "trailing bytes": (ROWS, {}, _document(data=THIRTY) + b"x"),
    "second document": (ROWS, {}, _document(data=THIRTY) * 2),
    "duplicate input": (
        ROWS,
        {},
        _document(data=THIRTY).replace(
            b"}]}", b'}, {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": []}]}'
        ),
    ),
    "many inputs": (ROWS, {}, b'{"inputs": [' + b",".join([b"{}"] * 400_000) + b"]}"),
    "many outputs": (
        ROWS,
        {},
        _document(data=THIRTY, more=', "outputs": [' + "{}," * 400_000 + "{}]"),
    ),
    "many parameters": (
        ROWS,
        {},
        _document(
            data=THIRTY,
            more=', "parameters": {' + ",".join(f'"{n}": 1' for n in range(100_000)) + "}",
        ),
    ),
    "invalid UTF-8": (ROWS, {}, b'{"inputs": "\xff"}'),
    "lone surrogate": (
        "/v2/models/id-bytes/infer",
        {},
        _document(shape="[1]", datatype='"BYTES"', data='["\\ud800"]'),
    ),
    "one long text": (ROWS, {}, _document(name='"\U0001f600' + "z" * 7_500_000 + '"')),
    "unknown input": (ROWS, {}, _document(name='"z"', data=THIRTY)),
    "long unknown name": (ROWS, {}, _document(name='"' + "z" * 1_000_000 + '"')),
    "unknown output": (ROWS, {}, _document(data=THIRTY, more=', "outputs": [{"name": "z"}]')),
    "output twice": (
        ROWS,
        {},
        _document(data=THIRTY, more=', "outputs": [{"name": "score"}, {"name": "score"}]'),
    ),
    "shared memory": (
        ROWS,
        {},
        b'{"inputs": [{"name": "x", "shape": [1, 30], "datatype": "FP32", "parameters": %s}]}'
        % b'{"shared_memory_region": "r"}',
    ),
    "id is a number": (ROWS, {}, _document(data=THIRTY, more=', "id": 7')),
    "parameters is a list": (ROWS, {}, _document(data=THIRTY, more=', "parameters": []')),
    "a parameter is an object": (
        ROWS,
        {},
        _document(data=THIRTY, more=', "parameters": {"a": {}}'),
    ),
    "empty body": (ROWS, {}, b""),
    "not an object": (ROWS, {}, b"[]"),
    "large and not an object": (ROWS, {}, b"[" + b" " * 10_000 + b"]"),
    "no inputs": (ROWS, {}, b"{}"),
    "inputs is an object": (ROWS, {}, b'{"inputs": {}}'),
    "large, and inputs is true": (ROWS, {}, b'{"inputs": true}' + b" " * 5000),
    "large, and a tensor's key is NUL": (ROWS, {}, rb'{"inputs": [{"\u0000": 1}]}' + b" " * 5000),
    "large, and a parameter's key holds NUL": (
        ROWS,
        {},
        rb'{"inputs": [], "parameters": {"a\u0000b": 1}}' + b" " * 5000,
    ),
    "large, and inputs is an object": (ROWS, {}, b'{"inputs": {"data": [1]}}' + b" " * 5000),
    "inputs of nothing": (ROWS, {}, b'{"inputs": []}'),
    "input is a number": (ROWS, {}, b'{"inputs": [1]}'),
    "binary too short": _binary('{"binary_data_size": 119}', b"\0" * 119),
    "binary too long": _binary('{"binary_data_size": 120}', b"\0" * 121),
    "binary of another size": _binary('{"binary_data_size": 124}', b"\0" * 124),
    "binary size negative": _binary('{"binary_data_size": -120}', b"\0" * 120),
    "binary size huge": _binary(f'{{"binary_data_size": {2**63}}}', b"\0" * 120),
    "binary size a string": _binary('{"binary_data_size": "120"}', b"\0" * 120),
    "binary without its header": (ROWS, {}, _binary('{"binary_data_size": 120}', b"\0" * 120)[2]),
    "header longer than the body": _binary('{"binary_data_size": 120}', b"\0" * 120, length=10**6),
    "header negative": _binary('{"binary_data_size": 120}', b"\0" * 120, length=-1),
    "header huge": _binary('{"binary_data_size": 120}', b"\0" * 120, length=HUGE),
    "header no number": _binary('{"binary_data_size": 120}', b"\0" * 120, length="0x10"),
    "header of zero": _binary('{"binary_data_size": 120}', b"\0" * 120, length=0),
    "header cuts the JSON": _binary('{"binary_data_size": 120}', b"\0" * 120, length=10),
    "BOOL of two": _typed_binary("id-bool", "BOOL", b"\x02"),
    "BYTES longer than the body": _typed_binary("id-bytes", "BYTES", b"\xff\xff\xff\xffab"),
    "BYTES cut in its length": _typed_binary("id-bytes", "BYTES", b"\x01\x00"),
    "BYTES with more behind": _typed_binary("id-bytes", "BYTES", b"\x01\x00\x00\x00ab"),
    "BYTES not UTF-8": _typed_binary("id-bytes", "BYTES", b"\x01\x00\x00\x00\xff"),
    "gzip bomb": (ROWS, {"content-encoding": "gzip"}, gzip.compress(b"0" * 200_000_000, 9)),
    "deflate bomb": (ROWS, {"content-encoding": "deflate"}, zlib.compress(b"0" * 200_000_000, 9)),
    "gzip members": (ROWS, {"content-encoding": "gzip"}, gzip.compress(b"") * 200_000),
    "gzip cut short": (ROWS, {"content-encoding": "gzip"}, gzip.compress(_document())[:-4]),
    "gzip of nothing": (ROWS, {"content-encoding": "gzip"}, b""),
    "not gzip": (ROWS, {"content-encoding": "gzip"}, _document()),
    "not deflate": (ROWS, {"content-encoding": "deflate"}, b"x" + _document()),
    "unknown coding": (ROWS, {"content-encoding": "br"}, _document()),
    "two codings": (ROWS, {"content-encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b""))),
    "six MB of commas": (ROWS, {}, _document(data="[" + "1," * 3_000_000 + "1]")),
    "as many values as are read": (ROWS, {}, _document(data="[" + "1," * 1_000_000 + "1]")),
    "as many objects as are built": (
        "/v2/models/id-bytes/infer",
        {},
        _document(
            shape="[65000]", datatype='"BYTES"', data="[" + '{"a":[0]},' * 64_999 + '{"a":[0]}]'
        ),
    ),
    "rows of one": (
        "/v2/models/cube/infer",
        {},
        _document(shape="[900000, 1, 1]", data="[" + "[[1]]," * 899_999 + "[[true]]]"),
    ),
    "rows of one, fewer": (
        "/v2/models/cube/infer",
        {},
        _document(shape="[510000, 1, 1]", data="[" + "[[1]]," * 509_999 + "[[true]]]"),
    ),
    "as many values as are read, compressed": (
        ROWS,
        {"content-encoding": "gzip"},
        gzip.compress(_document(data="[" + "1234567," * 1_000_000 + "1]"), 1),
    ),
    "strings, the last of them none": (
        "/v2/models/id-bytes/infer",
        {},
        _document(shape="[262000]", datatype='"BYTES"', data="[" + '"ab",' * 261_999 + "1]"),
    ),
    "more strings than are read": (
        "/v2/models/id-bytes/infer",
        {},
        _document(shape="[900000]", datatype='"BYTES"', data="[" + '"ab",' * 899_999 + '"c"]'),
    ),
    "objects as data": (
        "/v2/models/id-bytes/infer",
        {},
        _document(shape="[200000]", datatype='"BYTES"', data="[" + "{}," * 199_999 + "{}]"),
    ),
    "six MB of brackets": (ROWS, {}, b"[" * 6_000_000),
    "six MB of open objects": (ROWS, {}, b'{"a":' * 1_200_000),
    "unknown model": ("/v2/models/nobody/infer", {}, _document()),
    "unknown version": ("/v2/models/rows/versions/3/infer", {}, _document()),
    "version no number": ("/v2/models/rows/versions/-1/infer", {}, _document()),
    "model out of the folder": ("/v2/models/..%2F..%2Fetc/infer", {}, _document()),
    "path of slashes": ("/v2/models" + "/" * 100_000, {}, b""),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_a_4xx_and_leaves_the_service_well(service, attack):
    """The attack is answered with an error body, and the next caller notices nothing."""
    path, headers, body = ATTACKS[attack]
    response = answer(Request("POST", path, headers, body), service)
    refused = json.loads(response.body)
    assert 400 <= response.status < 500
    assert set(refused) == {"error", "code", "request_id"}
    assert len(response.body) < 2000
    well = answer(Request("POST", ROWS, {}, _document(data=THIRTY)), service)
    assert well.status == 200


MEASURE = """
import json, pickle, resource, sys, time
from pathlib import Path
from falaj.http.messages import Request
from falaj.http.oip import answer

def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])

path, headers, body = pickle.loads(sys.stdin.buffer.read())
row = {"name": "x", "shape": [1, 30], "datatype": "FP32", "data": [0.5] * 30}
document = json.dumps({"inputs": [row], "parameters": {"padding": " " * 5000}}).encode()
assert answer(Request("POST", "/v2/models/rows/infer", {}, document)).status == 200
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
Path("/proc/self/clear_refs").write_text("5")
before, began = peak(), time.process_time()
response = answer(Request("POST", path, headers, body))
seconds, extra = time.process_time() - began, peak() - before
again = answer(Request("POST", "/v2/models/rows/infer", {}, document))
print(json.dumps([response.status, seconds, extra, again.status]))
"""

COSTLY = [
    "gzip bomb",
    "deflate bomb",
    "gzip members",
    "six MB of commas",
    "as many values as are read",
    "rows of one",
    "rows of one, fewer",
    "as many values as are read, compressed",
    "strings, the last of them none",
    "more strings than are read",
    "objects as data",
    "six MB of brackets",
    "six MB of open objects",
    "many inputs",
    "many outputs",
    "many parameters",
    "deep nesting",
    "rank bomb",
    "long unknown name",
    "one long text",
    "shape bomb",
    "empty with a giant side",
]


WITHOUT_SIMDJSON = [
    "as many values as are read",
    "as many objects as are built",
    "rows of one",
    "strings, the last of them none",
    "objects as data",
    "six MB of brackets",
    "six MB of open objects",
    "many parameters",
    "one long text",
]


@pytest.mark.slow
@pytest.mark.parametrize("attack", COSTLY)
def test_an_attack_costs_little(model_root, attack):
    """Less than 2 s of CPU and 64 MiB beyond the body itself, measured in a process of its own."""
    _assert_cheap(model_root, attack, "layers/runtime/python")


@pytest.mark.slow
@pytest.mark.parametrize("attack", WITHOUT_SIMDJSON)
def test_an_attack_costs_little_where_simdjson_is_missing(model_root, tmp_path, attack):
    """A machine without a wheel of simdjson has the same bounds."""
    (tmp_path / "simdjson.py").write_text("raise ModuleNotFoundError('no wheel')\n")
    _assert_cheap(model_root, attack, f"{tmp_path}:layers/runtime/python")


def _assert_cheap(model_root, attack, import_path):
    environment = {
        **os.environ,
        "FALAJ_MODEL_ROOT": str(model_root),
        "FALAJ_MODEL_NAME": "rows",
        "FALAJ_THREADS": "1",
        "PYTHONPATH": import_path,
    }
    result = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=pickle.dumps(ATTACKS[attack]),
        env=environment,
        capture_output=True,
        check=True,
    )
    status, seconds, extra_kib, status_after = json.loads(result.stdout)
    assert 400 <= status < 500
    assert seconds < 2
    assert extra_kib < 64 * 1024
    assert status_after == 200
