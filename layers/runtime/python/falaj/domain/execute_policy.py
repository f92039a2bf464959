"""What API Gateway may let a caller do: a policy over exactly the allowed methods.

API Gateway keeps an authorizer's answer by token and applies it to every route, so the policy
speaks of all routes, never of the one that happened to be asked first.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    (principalId, policyDocument, context of strings, usageIdentifierKey; a resource ARN has at most
    512 characters) and …/api-gateway-control-access-using-iam-policies-to-invoke-api.html
    (`arn:aws:execute-api:region:account:api/stage/METHOD/path`, `*` stands for any characters);
    …/configure-api-gateway-lambda-authorization.html: a policy that is kept applies to all methods.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from falaj.domain.access import Caller, ModelAccess, allows
from falaj.domain.routes import MODEL, ROUTES, Route
from falaj.errors import MalformedRequestError

_ARN_PARTS: Final = 6
_INVOKE: Final = "execute-api:Invoke"
_VARIABLE: Final = re.compile(r"\{[^}]*\}")


def stage_arn(method_arn: str) -> str:
    """Return the part of a method's ARN that names the stage.

    Raises:
        MalformedRequestError: It is no such ARN.

    Example:
        >>> stage_arn("arn:aws:execute-api:me-central-1:123456789012:abc/live/GET/v2/models/x")
        'arn:aws:execute-api:me-central-1:123456789012:abc/live'
    """
    parts = method_arn.split(":", _ARN_PARTS - 1)
    place = parts[-1].split("/", 3)
    if len(parts) != _ARN_PARTS or parts[2] != "execute-api" or len(place) < 3:  # noqa: PLR2004
        raise MalformedRequestError("methodArn names no method of an API")
    return ":".join(parts[:-1]) + f":{place[0]}/{place[1]}"


def policy_document(caller: Caller, models: Iterable[ModelAccess], *, stage: str) -> dict[str, Any]:
    """Write the policy of a caller; it denies everything if nothing is allowed.

    Args:
        caller: Who asks.
        models: Everything the API serves.
        stage: What `stage_arn` returned.
    """
    allowed = allowed_methods(caller, tuple(models))
    if not allowed:
        return {"Version": "2012-10-17", "Statement": [_statement("Deny", [f"{stage}/*"])]}
    resources = [f"{stage}/{method}" for method in allowed]
    return {"Version": "2012-10-17", "Statement": [_statement("Allow", resources)]}


def allowed_methods(caller: Caller, models: Sequence[ModelAccess]) -> list[str]:
    """Return `METHOD/path` of everything a caller may use, with `*` for any version."""
    found = [
        _method(route) for route in ROUTES if not route.of_model and allows(caller, route, None)
    ]
    for model in models:
        own = [r for r in ROUTES if r.of_model and allows(caller, r, model)]
        found += _without_covered([_method(r, model.model) for r in own])
    return found


def _method(route: Route, model: str = "") -> str:
    return route.method + _VARIABLE.sub("*", route.path.replace(MODEL, model))


def _without_covered(methods: list[str]) -> list[str]:
    """Leave out what another one takes in: a star stands for slashes, too."""
    wide = [method[:-1] for method in methods if method.endswith("*")]
    return [
        method
        for method in methods
        if not any(method.startswith(prefix) and method != f"{prefix}*" for prefix in wide)
    ]


def _statement(effect: str, resources: list[str]) -> dict[str, Any]:
    return {"Effect": effect, "Action": _INVOKE, "Resource": resources}
