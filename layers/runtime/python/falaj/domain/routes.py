"""The routes of the serving contract: one table, and who answers each."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MODEL: Final = "{model}"
VERSION: Final = "{version}"
READ_PLATFORM: Final = "platform:read"
"""Scope for what the platform tells: health, the catalogue, the API's document and page."""


FEEDBACK: Final = "feedback"
"""Answered for models that have experiments."""
LIST_EXPERIMENTS: Final = "listExperiments"
MODEL_EXPERIMENTS: Final = "modelExperiments"
START_EXPERIMENT: Final = "startExperiment"
EXPERIMENT: Final = "experiment"
EXPERIMENT_REPORT: Final = "experimentReport"
GROW_EXPERIMENT: Final = "growExperiment"
DECIDE_EXPERIMENT: Final = "decideExperiment"
STOP_EXPERIMENT: Final = "stopExperiment"
"""As feedback: answered only where experiments are deployed."""


INFER_ASYNC: Final = "inferAsync"
RESULT: Final = "result"
"""Answered for models that may be asked asynchronously."""
RESULT_ID: Final = "{result}"


class Server(StrEnum):
    """Which function answers a route."""

    PREDICT = "predict"
    """The model's own function, through its live alias."""
    PLATFORM = "platform"
    INTAKE = "intake"
    """The function that takes asynchronous requests and gives their results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation.

    Attributes:
        method: HTTP method.
        path: Template; `{model}` and `{version}` stand for one segment each.
        operation: Its name, unique in the table.
        summary: One line for a person.
        server: Who answers it.
        scope: What a token must carry for it; empty if anyone may call it. `{model}` is replaced.
    """

    method: str
    path: str
    operation: str
    summary: str
    server: Server
    scope: str = ""

    @property
    def of_model(self) -> bool:
        """Whether the route exists once per model."""
        return MODEL in self.path

    @property
    def of_version(self) -> bool:
        """Whether the caller names a version."""
        return VERSION in self.path


def _platform(method: str, path: str, operation: str, summary: str) -> Route:
    return Route(
        method=method,
        path=path,
        operation=operation,
        summary=summary,
        server=Server.PLATFORM,
        scope=READ_PLATFORM,
    )


def _predict(
    method: str, verb: str, operation: str, summary: str, action: str
) -> tuple[Route, ...]:
    """Return a model's route twice: for the version being served, and for a named one."""
    scope = f"model:{MODEL}:{action}"
    base = f"/v2/models/{MODEL}"
    return (
        Route(
            method=method,
            path=f"{base}{verb}",
            operation=operation,
            summary=summary,
            server=Server.PREDICT,
            scope=scope,
        ),
        Route(
            method=method,
            path=f"{base}/versions/{VERSION}{verb}",
            operation=f"{operation}Version",
            summary=f"{summary}, by version",
            server=Server.PREDICT,
            scope=scope,
        ),
    )


_ONE: Final = "/{experiment}"


def _experiment(method: str, rest: str, operation: str, summary: str, action: str) -> Route:
    return Route(
        method=method,
        path=f"/experiments/{MODEL}{rest}",
        operation=operation,
        summary=summary,
        server=Server.PLATFORM,
        scope=f"model:{MODEL}:{action}",
    )


ROUTES: Final[tuple[Route, ...]] = (
    _platform("GET", "/v2", "serverMetadata", "What this server is and speaks"),
    _platform("GET", "/v2/health/live", "serverLive", "Whether the server runs"),
    _platform("GET", "/v2/health/ready", "serverReady", "Whether the server takes requests"),
    _platform("POST", "/v2/repository/index", "repositoryIndex", "Every model and version"),
    *_predict("GET", "", "modelMetadata", "Inputs, outputs and versions", "read"),
    *_predict(
        "GET", "/config", "modelConfig", "The model's configuration, as Triton writes it", "read"
    ),
    *_predict("GET", "/ready", "modelReady", "Whether the model takes requests", "read"),
    *_predict("GET", "/stats", "modelStatistics", "Counts and times of inferences", "read"),
    *_predict("POST", "/infer", "infer", "Run the model", "invoke"),
    Route(
        method="POST",
        path=f"/v2/models/{MODEL}/feedback",
        operation=FEEDBACK,
        summary="What came of inferences: late, repeated and in any order",
        server=Server.PLATFORM,
        scope=f"model:{MODEL}:invoke",
    ),
    Route(
        method="POST",
        path=f"/v2/models/{MODEL}/infer_async",
        operation=INFER_ASYNC,
        summary="Run the model later; the answer is fetched by its id",
        server=Server.INTAKE,
        scope=f"model:{MODEL}:invoke",
    ),
    Route(
        method="GET",
        path=f"/v2/models/{MODEL}/results/{RESULT_ID}",
        operation=RESULT,
        summary="What has become of an asynchronous request",
        server=Server.INTAKE,
        scope=f"model:{MODEL}:invoke",
    ),
    Route(
        method="GET",
        path="/experiments",
        operation=LIST_EXPERIMENTS,
        summary="Every model's experiments",
        server=Server.PLATFORM,
        scope="experiments:read",
    ),
    _experiment("GET", "", MODEL_EXPERIMENTS, "The model's experiments", "read"),
    _experiment("POST", "", START_EXPERIMENT, "Start an experiment as declared", "experiment"),
    _experiment("GET", _ONE, EXPERIMENT, "Where an experiment stands", "read"),
    _experiment("GET", f"{_ONE}/report", EXPERIMENT_REPORT, "What an experiment found", "read"),
    _experiment(
        "POST", f"{_ONE}/grow", GROW_EXPERIMENT, "Let more subjects take part", "experiment"
    ),
    _experiment(
        "POST", f"{_ONE}/decide", DECIDE_EXPERIMENT, "Promote an arm, or revert", "experiment"
    ),
    _experiment("POST", f"{_ONE}/stop", STOP_EXPERIMENT, "Stop without a decision", "experiment"),
    _platform("GET", "/openapi.json", "openapi", "This document"),
    _platform("GET", "/docs", "docs", "This document as a page for people"),
)
"""Source: Open Inference Protocol, inference_rest.md; Triton's extensions "model repository",
"model configuration" and "statistics" (docs/protocol/extension_*.md)."""

EXPERIMENTS: Final = frozenset(
    route.operation for route in ROUTES if route.path.startswith("/experiments")
)
"""Operations on experiments."""
