"""Administration, on a port of its own that only the container's own host reaches."""

from collections.abc import Callable

from fastapi import FastAPI, HTTPException

from falaj.container.worker import REJECTED, Worker
from falaj.container.workforce import Workforce
from falaj.errors import RequestError


def admin_app(workforce: Workforce, *, drain: Callable[[], None]) -> FastAPI:
    """The application: what every queue does, forget a cache, stop.

    Args:
        workforce: Who computes.
        drain: Begins what SIGTERM begins.
    """
    app = FastAPI(title="Falaj container", openapi_url="/admin/openapi.json", docs_url=None)

    @app.get("/admin/models")
    async def models() -> list[dict[str, object]]:
        return [_described(worker) for worker in workforce]

    @app.delete("/admin/models/{name}/versions/{version}/cache")
    async def forget(name: str, version: str) -> dict[str, int]:
        try:
            worker = workforce.of(name, version)
        except RequestError as error:
            raise HTTPException(404, str(error)) from error
        if worker.cache is None:
            raise HTTPException(409, f"model '{name}' has no response cache; see serving.json")
        freed = worker.cache.held_bytes
        worker.cache.clear()
        return {"freed_bytes": freed}

    @app.post("/admin/drain", status_code=202)
    async def stop() -> dict[str, bool]:
        drain()
        return {"draining": True}

    return app


def _described(worker: Worker) -> dict[str, object]:
    scheduler, policy = worker.scheduler, worker.policy
    return {
        "name": worker.model.name,
        "version": worker.model.version,
        "sha256": worker.model.digest,
        "waiting": scheduler.waiting,
        "in_flight": scheduler.in_flight,
        "refused": worker.failed.get(REJECTED, 0),
        "mean_run_ms": scheduler.mean_ns / 1e6,
        "max_batch_size": policy.max_batch_size,
        "useful_batch_size": scheduler.most_rows,
        "max_queue_size": policy.capacity,
        "cache_bytes": worker.cache.held_bytes if worker.cache is not None else 0,
    }
