"""The whole API behind one local address: the platform's application and the models' protocol."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from catalogue.building import MODELS, build
from catalogue.reading import load_catalogue
from falaj.domain.published import PublishedModel
from falaj.engines.onnx import OnnxEngine
from falaj.engines.repository import ModelRepository
from falaj.http.messages import Request
from falaj.http.oip import answer
from falaj.http.platform_app import platform_app
from falaj.http.service import Service

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".build"


@cache
def published_models() -> tuple[PublishedModel, ...]:
    """The repository's own catalogue, built unless it is up to date, every version served."""
    catalogue = load_catalogue(ROOT / "models")
    built = build(ROOT / "models", BUILD)
    models = []
    for spec in catalogue.models:
        manifests = {b.manifest.version: b.manifest for b in built if b.manifest.name == spec.name}
        manifest = manifests[spec.version]
        models.append(
            PublishedModel(
                name=spec.name,
                version=spec.version,
                versions=tuple(sorted(manifests)),
                signature=manifest.signature,
                description=spec.description,
                golden=manifest.golden,
            )
        )
    return tuple(models)


def whole_api(models: tuple[PublishedModel, ...] | None = None) -> ASGIApp:
    """Join platform and models as the API's routes join them."""
    models = models or published_models()
    service = Service(
        repository=ModelRepository.from_folder(
            BUILD / MODELS,
            make_engine=lambda manifest, data: OnnxEngine(name=manifest.name, model=data),
            defaults={model.name: model.version for model in models},
        )
    )
    platform = platform_app(models)
    names = {model.name for model in models}

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/")
        if scope["type"] != "http" or parts[1:3] != ["v2", "models"] or parts[3] not in names:
            await platform(scope, receive, send)
            return
        request = Request(
            scope["method"],
            scope["raw_path"].decode("ascii"),
            {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
            await _body(receive),
        )
        response = await asyncio.to_thread(answer, request, service)
        headers = [(k.encode(), v.encode("latin-1")) for k, v in response.headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    return front


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve an application on an ephemeral port of 127.0.0.1."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the server ended before it began"
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
