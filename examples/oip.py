"""The Open Inference Protocol in thirty lines of standard library."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

Tensor = Mapping[str, Any]


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser that knows where the API is."""
    parser = argparse.ArgumentParser(description=description)
    said = os.environ.get  # noqa: TID251 - an application has settings of its own
    url = said("FALAJ_URL") or f"http://127.0.0.1:{said('FALAJ_PORT') or 8080}"
    parser.add_argument("--url", default=url.rstrip("/"), help="address of the API (FALAJ_PORT)")
    return parser


def tensor(name: str, datatype: str, rows: list[list[Any]]) -> Tensor:
    """Make an input of equally long rows."""
    return {"name": name, "datatype": datatype, "shape": [len(rows), len(rows[0])], "data": rows}


def infer(url: str, model: str, inputs: Tensor, version: str = "") -> dict[str, list[Any]]:
    """Ask a model; return its outputs by name, each as one flat list.

    Ends the program with a sentence where there is no answer.
    """
    path = f"/v2/models/{model}" + (f"/versions/{version}" if version else "") + "/infer"
    body = json.dumps({"inputs": [inputs]}).encode()
    request = urllib.request.Request(  # noqa: S310 - the address is the caller's own
        url + path, body, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            sys.exit(f"{model} refused: {json.load(error)['error']}")
    except (urllib.error.URLError, OSError) as error:
        sys.exit(f"nothing answers at {url} ({error}); start it with `make up`")
    return {output["name"]: output["data"] for output in document["outputs"]}


def bar(share: float, width: int = 20) -> str:
    """Draw a share between 0 and 1."""
    full = round(share * width)
    return "█" * full + "░" * (width - full)
