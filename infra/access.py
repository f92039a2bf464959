"""Who may call what, as functions and the API are told."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from catalogue.spec import ModelSpec
from falaj.config.access import AccessSettings
from falaj.contract import KEYS_PARAMETER
from falaj.domain.access import ModelAccess
from falaj.experiments.spec import ExperimentSpec
from falaj.experiments.subject import Where
from infra.bundling.trees import text_digest
from infra.config.deployment import Access, Deployment
from infra.config.tenants import Tenants

KEY_LENGTH = 40
"""API Gateway takes 20 to 128 characters.

Source: docs.aws.amazon.com/apigateway/latest/api/API_CreateApiKey.html, read 2026-11-22.
"""


def model_access(spec: ModelSpec) -> ModelAccess:
    """Return who may call a model, as its model.yaml says."""
    return ModelAccess(model=spec.name, invoke=spec.scopes, tenants=spec.access.tenants)


def function_access(deployment: Deployment, specs: Iterable[ModelSpec]) -> AccessSettings:
    """Return what a function behind the API asks of its callers.

    Args:
        deployment: What the API asks.
        specs: The models the function knows of.
    """
    if deployment.access is Access.OPEN:
        return AccessSettings()
    return AccessSettings(
        mode=deployment.access,
        tenant_claim=deployment.tokens.tenant_claim,
        skew_s=deployment.tokens.skew_s,
        models={spec.name: model_access(spec) for spec in specs},
    )


def replica_access(deployment: Deployment, specs: Iterable[ModelSpec]) -> AccessSettings:
    """Return what a replica asks, which looks at tokens itself: no API stands before gRPC.

    Args:
        deployment: What is asked.
        specs: The models the replica answers for.
    """
    asked = function_access(deployment, specs)
    if deployment.access is not Access.JWT:
        return asked
    tokens = deployment.tokens
    return replace(
        asked,
        issuer=tokens.issuer,
        audiences=tokens.audiences,
        algorithms=tokens.algorithms,
        keys_parameter=KEYS_PARAMETER,
    )


def authorizer_access(
    deployment: Deployment,
    specs: Iterable[ModelSpec],
    quota_keys: Mapping[str, str],
    experiments: Iterable[ExperimentSpec] = (),
) -> AccessSettings:
    """Return what the authorizer looks at in a token, what each opens, and what is handed on."""
    tokens = deployment.tokens
    sources = [each.subject for each in experiments if each.subject is not None]
    return AccessSettings(
        mode=deployment.access,
        tenant_claim=tokens.tenant_claim,
        skew_s=tokens.skew_s,
        models={spec.name: model_access(spec) for spec in specs},
        issuer=tokens.issuer,
        audiences=tokens.audiences,
        algorithms=tokens.algorithms,
        keys_parameter=KEYS_PARAMETER,
        quota_keys=quota_keys,
        told_claims=tuple(sorted({each.name for each in sources if each.where is Where.CLAIM})),
    )


def quota_keys(deployment: Deployment, tenants: Tenants | None) -> dict[str, str]:
    """Return the API key by which a usage plan counts each tenant.

    It is no secret and opens nothing: the API takes it from the authorizer only.
    """
    if tenants is None or not deployment.has_authorizer:
        return {}
    names = ("*", *sorted(tenants.named))
    return {name: text_digest("quota", deployment.stage, name)[:KEY_LENGTH] for name in names}


def written(access: AccessSettings) -> str:
    """Write settings as the function reads them."""
    return json.dumps(access.to_dict(), separators=(",", ":"), sort_keys=True)
