"""The catalogue's API: what there is, whether it is ready, how to call it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from falaj.domain.clock import Clock, SystemClock
from falaj.domain.openapi import document
from falaj.domain.published import PublishedModel
from falaj.errors import (
    FalajError,
    ImmutableRepositoryError,
    MalformedRequestError,
    NoCommonStatisticsError,
)
from falaj.http.docs_page import HARDENED, content_security_policy, docs_page
from falaj.http.envelope import Envelope, Record, refuse, refuse_route
from falaj.http.experiments import AskAnalyst, add_experiments
from falaj.http.feedback import TakeFeedback, add_feedback

EXTENSIONS: Final = (
    "binary_tensor_data",
    "parameters",
    "statistics",
    "model_repository",
    "model_configuration",
)
"""As named by the protocol's extensions; what the models' functions speak."""


SYSTEM_CLOCK: Final = SystemClock()
COMPRESS_FROM_BYTES: Final = 4096
"""The document repeats itself: with many models it shrinks some twentyfold."""


class IndexRequest(BaseModel):
    """Body of `POST /v2/repository/index`; other keys are ignored, as Triton does."""

    model_config = ConfigDict(strict=True)

    ready: bool = False


def platform_app(
    models: Sequence[PublishedModel],
    *,
    release: str = "local",
    version: str = "0.1.0",
    record: Record | None = None,
    take_feedback: TakeFeedback | None = None,
    ask_analyst: AskAnalyst | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> FastAPI:
    """Return the application that answers every route that is not a model's own.

    Args:
        models: The catalogue.
        release: The version of the function that runs this.
        version: The API's own version.
        record: Leaves a line for each answer; by default nothing does.
        take_feedback: Keeps outcomes; None where no experiments are deployed.
        ask_analyst: Asks about experiments; None where none are deployed.
        clock: Tells when feedback was received.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(GZipMiddleware, minimum_size=COMPRESS_FROM_BYTES)
    app.add_middleware(Envelope, release=release, record=record)
    app.add_exception_handler(HTTPException, refuse_route)
    app.add_exception_handler(FalajError, refuse)
    _add_server(app, models, version)
    _add_repository(app, models)
    described = document(
        models,
        version=version,
        has_experiments=ask_analyst is not None,
    )
    _add_documents(app, described)
    if take_feedback is not None:
        taking = [model.name for model in models if model.takes_feedback]
        add_feedback(app, taking, take=take_feedback, clock=clock)
    if ask_analyst is not None:
        add_experiments(app, ask=ask_analyst)
    return app


def _add_server(app: FastAPI, models: Sequence[PublishedModel], version: str) -> None:
    metadata: dict[str, object] = {
        "name": "falaj",
        "version": version,
        "extensions": list(EXTENSIONS),
    }

    @app.get("/v2")
    async def server_metadata() -> dict[str, object]:
        return metadata

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": bool(models)}

    @app.get("/v2/models/stats")
    async def all_statistics() -> None:
        raise NoCommonStatisticsError


def _add_repository(app: FastAPI, models: Sequence[PublishedModel]) -> None:
    index = [
        {"name": model.name, "version": str(number), "state": "READY", "reason": ""}
        for model in models
        for number in sorted(model.versions)
    ]

    @app.post("/v2/repository/index")
    async def repository_index(request: Request) -> list[dict[str, str]]:
        body = await request.body()
        try:
            IndexRequest.model_validate_json(body or b"{}")
        except ValidationError as error:
            raise MalformedRequestError(_first_fault(error)) from error
        return index  # every published version is ready, so `ready: true` leaves none out

    @app.post("/v2/repository/models/{model}/load")
    @app.post("/v2/repository/models/{model}/unload")
    async def change_repository(model: str) -> None:
        raise ImmutableRepositoryError(model)


def _add_documents(app: FastAPI, described: Mapping[str, Any]) -> None:
    @app.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        servers = [{"url": stage_path(request.scope.get("aws.event", {})) or "/"}]
        body = json.dumps({**described, "servers": servers}, ensure_ascii=False)
        return Response(body, media_type="application/json")

    @app.get("/docs")
    async def docs() -> Response:
        headers = HARDENED | {"content-security-policy": content_security_policy()}
        return Response(docs_page(), media_type="text/html", headers=headers)

    @app.get("/")
    async def home() -> Response:
        return Response(status_code=307, headers={"location": "docs"})


def stage_path(event: Mapping[str, Any]) -> str:
    """Return what callers write before the path: a REST API's stage, unless a domain hides it.

    Source:
        docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html:
        `requestContext.path` has the stage, `path` has not.

    Example:
        >>> stage_path({"path": "/docs", "requestContext": {"path": "/live/docs"}})
        '/live'
    """
    path, whole = event.get("path"), event.get("requestContext", {}).get("path")
    if not isinstance(path, str) or not isinstance(whole, str) or not whole.endswith(path):
        return ""
    return whole.removesuffix(path)


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])
