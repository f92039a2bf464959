"""Adds what takes requests that wait, where a model's entry asks for it."""

import json
from collections.abc import Sequence

from aws_cdk import App, Stack

from catalogue.spec import ModelSpec
from falaj.contract import ACCESS_FILE, ASYNCHRONOUS_FILE
from infra.access import function_access, written
from infra.bundling.functions import stage_function
from infra.config.deployment import Deployment
from infra.constructs.service_function import FunctionCode
from infra.packaging import text_file
from infra.sources import Sources
from infra.stacks.asynchronous import AsynchronousStack
from infra.stacks.naming import ASYNCHRONOUS
from infra.staging import StagedLayers, references


def asynchronous_stacks(
    app: App,
    deployment: Deployment,
    specs: Sequence[ModelSpec],
    layers: StagedLayers,
    sources: Sources,
) -> list[Stack]:
    """Add the stack, after the models' and before the API's."""
    days = {spec.name: spec.asynchronous.result_days for spec in specs if spec.asynchronous}
    if not days:
        return []
    waiting = [spec for spec in specs if spec.name in days]
    intake = stage_function(
        "asynchronous-intake",
        sources.function("asynchronous_intake"),
        {
            ACCESS_FILE: text_file(written(function_access(deployment, waiting))),
            ASYNCHRONOUS_FILE: text_file(json.dumps(days, sort_keys=True)),
        },
        sources.build,
    )
    worker = stage_function(
        "asynchronous-worker", sources.function("asynchronous_worker"), {}, sources.build
    )
    stack = AsynchronousStack(
        app,
        ASYNCHRONOUS,
        deployment=deployment,
        models=waiting,
        intake=FunctionCode(asset=intake, layers=references(layers.platform)),
        worker=FunctionCode(asset=worker, layers=references(layers.platform)),
    )
    return [stack]
