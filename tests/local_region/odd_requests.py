"""Requests with a person where nobody expects one: in paths, names, encodings and broken bodies."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

import grpc
from tritonclient.grpc import service_pb2

SERVICE = "/inference.GRPCInferenceService"


class Odd(NamedTuple):
    """One request."""

    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    method: str | None = None


def document(person, **more):
    """An inference about a person."""
    tensor = {"name": "x", "datatype": "BYTES", "shape": [1], "data": [person]}
    return {"inputs": [tensor | more.pop("tensor", {})], **more}


def odd_requests(model, person, arabic):
    """Give each way of hiding a person in a request, by name.

    Args:
        model: Who is asked.
        person: What must not be kept; ASCII.
        arabic: The same in another script.
    """
    infer = f"/v2/models/{model}/infer"
    packed = base64.urlsafe_b64encode(person.encode()).decode()
    plain = json.dumps(document(person)).encode()
    return {
        **{
            f"a path: {path}": Odd(path)
            for path in (
                f"/{person}",
                f"/v2/models/{model}%2F{person}",
                f"/v2/models/{model}/{person}",
                f"/v2/models/{quote(arabic)}/ready",
                f"/v2/models/{model}/versions/1{person}/stats",
                f"/v2/models/{packed}/ready",
                f"/v2/models/{model};who={person}",
                f"/v2/models/{model}/../{person}",
                f"/v2/experiments/{model}/{person}",
                f"/openapi.json?{person}",
                f"/v2/models/{model}?{packed}={quote(arabic)}",
                "/" + person * 200,
            )
        },
        **{
            f"a header: {name}": Odd(infer, plain, {name: value})
            for name, value in {
                "accept": person,
                "accept-language": person,
                "content-encoding": person,
                "content-type": f"application/json; charset={person}",
                "forwarded": f"for={person}",
                "if-none-match": f'"{person}"',
                "inference-header-content-length": person,
                "origin": f"https://{person}.example.ae",
                "range": person,
                "referer": f"https://example.ae/?who={person}",
                "x-forwarded-for": person,
                f"x-{person}": "1",
                "x-falaj-subject": person,
                "x-falaj-variant": person,
                "x-amz-date": person,
                "x-api-key": person,
                "baggage": f"who={person}",
            }.items()
        },
        **{
            f"a body: {what}": Odd(infer, body, headers)
            for what, body, headers in _bodies(person, arabic, plain)
        },
        **{f"a method: {method}": Odd(infer, plain, {}, method) for method in ("DELETE", "PATCH")},
        "an index": Odd("/v2/repository/index", json.dumps({"name": person}).encode()),
        "a body where none is asked for": Odd(f"/v2/models/{model}/ready", plain, {}, "POST"),
    }


def _bodies(person, arabic, plain):
    """Yield bodies of an inference."""
    written = {
        "Arabic": document(arabic, id=arabic),
        "a key": document(person) | {person: 1},
        "a parameter's key": document(person, parameters={person: person}),
        "a tensor's key": document(person, tensor={person: person}),
        "a tensor's parameter": document(person, tensor={"parameters": {person: person}}),
        "an output": document(person, outputs=[{"name": person}]),
        "an output's parameter": document(
            person, outputs=[{"name": "y", "parameters": {"classification": person}}]
        ),
        "a shape": document(person, tensor={"shape": [person]}),
        "a shape of its number": document(person, tensor={"shape": [784199012345671]}),
        "a sequence": document(person, parameters={"sequence_id": person, "sequence_start": True}),
        "a sequence's number": document(person, parameters={"sequence_id": 784199012345671}),
        "a timeout": document(person, parameters={"timeout": person}),
        "a binary size": document(person, tensor={"parameters": {"binary_data_size": person}}),
        "a very long name": document(person, tensor={"name": person * 500}),
        "a deep one": document(person, tensor={"data": [[[[[[person]]]]]]}),
        "an object for a tensor": {"inputs": {person: person}},
        "a text for everything": person,
        "another datatype": document(person, tensor={"datatype": "FP32"}),
        "a number for words": document(person, tensor={"data": [784199012345671]}),
    }
    for what, value in written.items():
        yield what, json.dumps(value, ensure_ascii=False).encode(), {}
    yield "escaped", json.dumps(document(arabic) | {arabic: 1}).encode(), {}
    yield "cut off", plain[:-3], {}
    yield "with more behind it", plain + person.encode(), {}
    yield "twice the same key", b'{"%b": 1, "%b": 2}' % (person.encode(), person.encode()), {}
    yield "no UTF-8", b'{"inputs": "\xff' + person.encode() + b'"}', {}
    yield "UTF-16", plain.decode().encode("utf-16"), {}
    yield "NaN", plain.replace(b'"BYTES"', b"NaN"), {}
    yield "gzip", gzip.compress(plain), {"content-encoding": "gzip"}
    yield "gzip of nonsense", gzip.compress(person.encode()), {"content-encoding": "gzip"}
    yield "deflate", zlib.compress(plain), {"content-encoding": "deflate"}
    yield "no gzip", person.encode(), {"content-encoding": "gzip"}
    yield "a form", f"who={person}".encode(), {"content-type": "application/x-www-form-urlencoded"}
    yield "XML", f"<who>{person}</who>".encode(), {"content-type": "text/xml"}
    head = json.dumps(document(person, tensor={"parameters": {"binary_data_size": 8}})).encode()
    length = {"inference-header-content-length": str(len(head))}
    binary = {"content-type": "application/octet-stream", **length}
    yield "binary that lies", head + person.encode(), binary
    yield "a header that is longer", head, binary | {"inference-header-content-length": "99999"}


def odd_tokens(issue, person):
    """Give tokens with a person in their claims, by name; none of them opens anything."""
    return {
        "a tenant that is no name": issue(tenant=f"{person} {person}"),
        "an issuer": issue(iss=person),
        "a scope": issue(scope=person),
        "scopes that are none": issue(scope={person: person}),
        "a time": issue(exp=person),
        "a beginning": issue(nbf=person),
        "a header": ".".join(
            [
                base64.urlsafe_b64encode(
                    json.dumps({"alg": person, "kid": person}).encode()
                ).decode(),
                *issue().split(".")[1:],
            ]
        ),
        "a broken one": f"{person}.{person}.{person}",
    }


def odd_calls(address, model, person, token):
    """Call a container by gRPC in every odd way; return how each ended, by name.

    Args:
        address: Where it answers.
        model: Which it serves.
        person: What must not be kept.
        token: What opens it.
    """
    name = service_pb2.ModelInferRequest(model_name=model, id=person)
    asked = name.inputs.add(name="x", datatype="BYTES", shape=[1])
    asked.contents.bytes_contents.append(person.encode())

    def changed(**more):
        made = service_pb2.ModelInferRequest()
        made.CopyFrom(name)
        change = service_pb2.ModelInferRequest(**more)
        made.MergeFrom(change)
        return made.SerializeToString()

    raw = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=[person.encode() * 3])
    raw.inputs.add(name="x", datatype="BYTES", shape=[1])
    sequence = service_pb2.ModelInferRequest(model_name=model)
    sequence.parameters["sequence_id"].string_param = person
    output = service_pb2.ModelInferRequest(outputs=[{"name": person}])
    calls = {
        "nonsense": ("ModelInfer", person.encode(), {}),
        "raw contents that lie": ("ModelInfer", raw.SerializeToString(), {}),
        "a sequence": ("ModelInfer", changed() + sequence.SerializeToString(), {}),
        "an output": ("ModelInfer", changed() + output.SerializeToString(), {}),
        "a version": ("ModelInfer", changed(model_version=person), {}),
        "a method": (person, changed(), {}),
        "metadata": ("ModelInfer", changed(), {f"x-{person.lower()}": person}),
        "binary metadata": ("ModelInfer", changed(), {"who-bin": person.encode()}),
        "a trace": ("ModelInfer", changed(), {"traceparent": person, "tracestate": person}),
        "another's name": (
            "ModelReady",
            service_pb2.ModelReadyRequest(name=person, version=person).SerializeToString(),
            {},
        ),
        "a model to load": (
            "RepositoryModelLoad",
            service_pb2.RepositoryModelLoadRequest(model_name=person).SerializeToString(),
            {},
        ),
    }
    ended = {}
    with grpc.insecure_channel(address) as channel:
        for what, (method, message, told) in calls.items():
            metadata = (("authorization", f"Bearer {token}"), *told.items())
            future = channel.unary_unary(f"{SERVICE}/{method}").future(
                message, metadata=metadata, timeout=60
            )
            ended[what] = future.code().name
    return ended
