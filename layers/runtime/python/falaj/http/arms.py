"""An answer that names the arm of an experiment that gave it: in headers and in `parameters`.

Source:
    github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
    (`$inference_response` has optional `parameters`); Triton's binary data extension
    (`Inference-Header-Content-Length` counts the JSON's bytes).
"""

from typing import Final

import orjson

from falaj.contract import (
    HEADER_BINARY_LENGTH,
    HEADER_EXPERIMENT,
    HEADER_VARIANT,
    PARAMETER_EXPERIMENT,
    PARAMETER_VARIANT,
)
from falaj.http.messages import Request, Response
from falaj.http.oip import OK, answer, sent
from falaj.http.service import Service

_ACCEPTS: Final = "accept-encoding"


def answer_of_arm(request: Request, service: Service, *, experiment: str, arm: str) -> Response:
    """Answer by an arm, and say so.

    An error's body has no `parameters`; its headers name the arm all the same.

    Args:
        request: What the arm's version is asked.
        service: What serves it.
        experiment: The experiment's name.
        arm: The arm's name.
    """
    # What is compressed can be added to no more: it is compressed afterwards, as ever.
    others = {name: value for name, value in request.headers.items() if name != _ACCEPTS}
    response = answer(request._replace(headers=others), service)
    headers = response.headers
    headers[HEADER_EXPERIMENT], headers[HEADER_VARIANT] = experiment, arm
    if response.status != OK:
        return response
    told = orjson.dumps({"parameters": {PARAMETER_EXPERIMENT: experiment, PARAMETER_VARIANT: arm}})
    body = b"%b,%b" % (told[:-1], response.body[1:])
    if HEADER_BINARY_LENGTH in headers:
        more = len(body) - len(response.body)
        headers[HEADER_BINARY_LENGTH] = str(int(headers[HEADER_BINARY_LENGTH]) + more)
    return sent(OK, headers, body, request, service, response.outcome)
