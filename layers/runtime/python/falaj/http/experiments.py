"""`/experiments`: start, follow, read and decide experiments, by asking the analyst's function."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from falaj.contract import CONTEXT_CHECKED, CONTEXT_TENANT
from falaj.errors import MalformedRequestError, PayloadTooLargeError

MOST_BYTES: Final = 256 * 1024
"""Of a body: a declaration has a few kilobytes, testers' overrides included."""

_PAGE: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}

AskAnalyst = Callable[[Mapping[str, Any], str, str], dict[str, Any]]
"""Gives an event to the analyst and returns its answer; knows which experiment it is about.

Raises what the analyst raised (`falaj.experiments.answers`).
"""


def add_experiments(app: FastAPI, *, ask: AskAnalyst) -> None:
    """Add the routes.

    Args:
        app: Gets them.
        ask: Asks the analyst.
    """
    _add_reading(app, ask)
    _add_deciding(app, ask)


def _add_reading(app: FastAPI, ask: AskAnalyst) -> None:
    @app.get("/experiments")
    async def every() -> dict[str, Any]:
        return await run_in_threadpool(ask, {"query": {}}, "", "")

    @app.get("/experiments/{model}")
    async def of_model(model: str) -> dict[str, Any]:
        return await run_in_threadpool(ask, {"query": {"model": model}}, model, "")

    @app.get("/experiments/{model}/{experiment}")
    async def one(model: str, experiment: str) -> dict[str, Any]:
        asked = {"query": {"model": model, "experiment": experiment}}
        return await run_in_threadpool(ask, asked, model, experiment)

    @app.get("/experiments/{model}/{experiment}/report")
    async def report(
        model: str, experiment: str, form: str = "json", fresh: str = "false"
    ) -> Response:
        if fresh not in {"true", "false"}:
            raise MalformedRequestError("fresh is true or false")
        asked = {"model": model, "experiment": experiment, "form": form}
        payload = {"report": asked | {"is_fresh": fresh == "true"}}
        told = (await run_in_threadpool(ask, payload, model, experiment))["report"]
        if isinstance(told, str):
            return Response(told, media_type="text/html", headers=_PAGE)
        body = json.dumps(told, ensure_ascii=False)
        return Response(body, media_type="application/json")


def _add_deciding(app: FastAPI, ask: AskAnalyst) -> None:
    async def command(
        request: Request, verb: str, model: str, experiment: str, *keys: str
    ) -> dict[str, Any]:
        body = await _body(request)
        said = {key: body.get(key) for key in ("reason", *keys) if key in body}
        named = {} if verb == "start" else {"model": model, "experiment": experiment}
        order = {"verb": verb, "actor": actor_of(request), **named, **said}
        return await run_in_threadpool(ask, {"command": order}, model, experiment)

    @app.post("/experiments/{model}")
    async def start(model: str, request: Request) -> dict[str, Any]:
        spec = (await _body(request)).get("spec")
        declared = spec if isinstance(spec, dict) else {}
        if (about := declared.get("model")) != model:
            raise MalformedRequestError(
                f"the declaration is about model {about!r}, the path names {model!r}"
            )
        return await command(request, "start", model, str(declared.get("name", "")), "spec")

    @app.post("/experiments/{model}/{experiment}/grow")
    async def grow(model: str, experiment: str, request: Request) -> dict[str, Any]:
        return await command(request, "grow", model, experiment, "coverage")

    @app.post("/experiments/{model}/{experiment}/decide")
    async def decide(model: str, experiment: str, request: Request) -> dict[str, Any]:
        return await command(request, "decide", model, experiment, "choice", "arm")

    @app.post("/experiments/{model}/{experiment}/stop")
    async def stop(model: str, experiment: str, request: Request) -> dict[str, Any]:
        return await command(request, "stop", model, experiment)


def actor_of(request: Request) -> str:
    """Name who asks, as the gateway has found; by address where it asks nobody.

    The tenant is what the check before has found (`falaj.entrypoints.guarded`), never a header's:
    where nobody is asked there is none.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        (`authorizer.iam.userArn`, `authorizer.jwt.claims`, `http.sourceIp`) and
        api-gateway-mapping-template-reference.html (`identity.userArn`, `identity.sourceIp`).
    """
    event = request.scope.get("aws.event")
    context = event.get("requestContext") if isinstance(event, dict) else None
    tenant = _within(context, (CONTEXT_CHECKED, CONTEXT_TENANT))
    paths = (
        ("authorizer", "iam", "userArn"),
        ("identity", "userArn"),
        ("authorizer", "jwt", "claims", "sub"),
        ("authorizer", "lambda", "subject"),
        ("authorizer", "subject"),
    )
    for path in paths:
        if found := _within(context, path):
            return f"{found} ({tenant})" if tenant else found
    address = _within(context, ("http", "sourceIp")) or _within(context, ("identity", "sourceIp"))
    return tenant or f"somebody at {address or 'an unknown address'}"


def _within(context: object, path: tuple[str, ...]) -> str:
    for name in path:
        context = context.get(name) if isinstance(context, dict) else None
    return context if isinstance(context, str) else ""


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise PayloadTooLargeError(
            what="the body", limit=MOST_BYTES, mend="declare fewer overrides"
        )
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise MalformedRequestError("the body holds keys and values")
    return read
