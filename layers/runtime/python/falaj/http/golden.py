"""A release's own proof: its packaged golden cases, asked through the real protocol path.

The rollout controller invokes a version with `{"falaj": "verify"}` before it gives it a share. No
outcome line is written, so nothing of this counts as the release's traffic.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import isclose
from typing import Any, Final

import orjson

from falaj.domain.manifest import Manifest
from falaj.http.messages import Request
from falaj.http.oip import answer
from falaj.http.service import Service

VERIFY: Final = {"falaj": "verify"}
"""The event of a direct invocation; an API's events never have the key."""

_OK: Final = 200


def verify(service: Service) -> dict[str, Any]:
    """Ask every golden case of the models served by default, and compare the answers.

    Other versions that are held ready, as those of an experiment's arms are, prove themselves too.

    Returns:
        `release`, `passed`, `models` (name → version and digest served), and `cases`: for each its
        model, name, HTTP status, whether it passed and if not why.
    """
    manifests = [service.repository.manifest(name) for name in service.repository.names]
    ready = [model.manifest for model in service.repository.loaded()]
    cases = [
        {
            "model": manifest.name,
            "name": case.get("name", ""),
            "status": status,
            "passed": not fault,
            "reason": fault,
        }
        for manifest in (*manifests, *(each for each in ready if each not in manifests))
        for case in manifest.golden
        for status, fault in [_asked(service, manifest, case)]
    ]
    return {
        "release": service.release,
        "passed": all(case["passed"] for case in cases),
        "models": {
            manifest.name: {"version": manifest.version, "digest": manifest.sha256}
            for manifest in manifests
        },
        "cases": cases,
    }


def mismatch(case: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> str:
    """Say how the protocol's JSON outputs differ from a case's; empty when they do not.

    Example:
        >>> known = {"name": "y", "shape": [2], "data": [1.0, 2.0]}
        >>> case = {"expect": {"outputs": [known]}, "atol": 0.1}
        >>> mismatch(case, [{"name": "y", "shape": [2], "data": [1.0, 2.5]}])
        "output 'y' is 2.5 at 1, known is 2.0"
    """
    got = {output["name"]: output for output in outputs}
    for known in case["expect"]["outputs"]:
        name = known["name"]
        if name not in got:
            return f"output {name!r} is missing"
        if got[name]["shape"] != known["shape"]:
            return f"output {name!r} has shape {got[name]['shape']}, known is {known['shape']}"
        pairs = zip(_flat(known["data"]), _flat(got[name]["data"]), strict=True)
        for index, (expected, value) in enumerate(pairs):
            if not _is_close(expected, value, case):
                return f"output {name!r} is {value!r} at {index}, known is {expected!r}"
    return ""


def _asked(service: Service, manifest: Manifest, case: Mapping[str, Any]) -> tuple[int, str]:
    path = f"/v2/models/{manifest.name}/versions/{manifest.version}/infer"
    response = answer(Request("POST", path, {}, orjson.dumps(case["request"])), service)
    document = orjson.loads(response.body)
    if response.status != _OK:
        return response.status, f"answered {response.status}: {document['error']}"
    return response.status, mismatch(case, document["outputs"])


def _flat(data: Sequence[Any]) -> list[Any]:
    """Flatten the protocol's data, which may be nested by rows."""
    while data and isinstance(data[0], list):
        data = list(chain.from_iterable(data))
    return list(data)


def _is_close(expected: Any, value: Any, case: Mapping[str, Any]) -> bool:  # noqa: ANN401 - an element
    if not isinstance(expected, bool | str):
        margin = case.get("atol", 0.0) + case.get("rtol", 0.0) * abs(expected)
        return isclose(expected, value, rel_tol=0.0, abs_tol=margin)
    return bool(expected == value)
