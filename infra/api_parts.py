"""What the API is made of besides its routes."""

from collections.abc import Sequence

from falaj.contract import ACCESS_FILE
from falaj.errors import ConfigurationError
from infra.access import authorizer_access, quota_keys, written
from infra.bundling.functions import stage_function
from infra.config.deployment import Deployment
from infra.config.edge import trust_store_faults
from infra.config.tenants import Tenants
from infra.config.tokens import read_key_set
from infra.constructs.service_function import FunctionCode
from infra.packaging import PackagedModel, on_gpu, text_file
from infra.sources import Sources
from infra.stacks.api import ApiParts
from infra.staging import StagedLayers, references


def api_parts(
    deployment: Deployment,
    models: Sequence[PackagedModel],
    platform: FunctionCode,
    layers: StagedLayers,
    sources: Sources,
    tenants: Tenants | None,
) -> ApiParts:
    """Read the files that the deployment names for its API, and package the authorizer.

    Raises:
        ConfigurationError: Every fault of every file.
    """
    faults, keys, trust_store = list[str](), "", None
    if deployment.has_authorizer or (deployment.tokens.keys and on_gpu(models)):
        keys, faults = read_key_set(sources.repository / deployment.tokens.keys)
    if deployment.api_name.trust_store:
        trust_store = sources.repository / deployment.api_name.trust_store
        faults.extend(trust_store_faults(trust_store))
    if faults:
        raise ConfigurationError(faults)
    authorizer = None
    if deployment.has_authorizer:
        specs = [model.spec for model in models]
        experiments = [each for model in models for each in model.experiments]
        counted_by = quota_keys(deployment, tenants)
        text = written(authorizer_access(deployment, specs, counted_by, experiments))
        folder = sources.function("authorizer")
        data = {ACCESS_FILE: text_file(text)}
        authorizer = FunctionCode(
            asset=stage_function("authorizer", folder, data, sources.build),
            layers=references(layers.authorizer),
        )
    return ApiParts(
        platform=platform,
        authorizer=authorizer,
        keys=keys,
        tenants=tenants,
        trust_store=trust_store,
    )
