"""The stack of batches, where a deployment asks for them."""

from collections.abc import Iterator, Sequence

from aws_cdk import App, Stack

from falaj.errors import ConfigurationError
from infra.config.batch import ALL
from infra.config.deployment import Deployment
from infra.packaging import UNZIPPED_LIMIT_BYTES, PackagedModel, on_lambda, package_model
from infra.refusals import size_faults
from infra.stacks.batch import BatchStack
from infra.stacks.naming import BATCH
from infra.staging import Staged, references


def add_batches(app: App, deployment: Deployment, staged: Staged, needed: Sequence[Stack]) -> None:
    """Add a function for each model that answers batches, and what carries batches out.

    Args:
        app: The application.
        deployment: Which models, and which buckets.
        staged: The catalogue with what its functions are made of.
        needed: Stacks that are deployed before.

    Raises:
        ConfigurationError: A model is unknown, or cannot answer records one by one.
    """
    if not deployment.batch.models:
        return
    faults = list(_faults(deployment, staged.models))
    packages = []
    for model in on_lambda(staged.models):
        if not deployment.batch.includes(model.spec.name):
            continue
        used = staged.layers.predict(model.spec)
        taken = sum(layer.size_bytes for layer in used)
        package = package_model(
            model,
            publisher=staged.publisher,
            handler_folder=staged.sources.function("batch"),
            build_root=staged.sources.build,
            room_bytes=UNZIPPED_LIMIT_BYTES - taken,
        )
        name = f"batches of {model.spec.name}"
        faults += size_faults(name, code_bytes=package.code.size_bytes, layer_bytes=taken)
        packages.append((package, references(used)))
    if faults:
        raise ConfigurationError(faults)
    stack = BatchStack(app, BATCH, deployment=deployment, packages=packages)
    for other in needed:
        stack.add_stack_dependency(other)


def _faults(deployment: Deployment, models: Sequence[PackagedModel]) -> Iterator[str]:
    known = {model.spec.name for model in on_lambda(models)}
    for name in deployment.batch.models:
        if name not in known | {ALL}:
            yield (f"batch: model {name!r} has no function here; known: {', '.join(sorted(known))}")
    for model in models:
        if deployment.batch.includes(model.spec.name) and model.spec.states:
            yield (
                f"batch: model {model.spec.name} hands itself a state from request to request; "
                "records of a batch have no order, leave it out"
            )
