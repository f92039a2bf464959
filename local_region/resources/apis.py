"""HTTP APIs and REST APIs, defined by an OpenAPI body, with their deployments and stages."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from local_region.gateway.messages import ApiKind
from local_region.gateway.openapi import Definition, read_definition
from local_region.gateway.registry import Stage
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.resources.storage import as_bool
from local_region.template.intrinsics import Physical

_KNOWN: Final = {
    ApiKind.HTTP: frozenset(
        {"Body", "Name", "Description", "Tags", "FailOnWarnings", "BasePath", "ProtocolType"}
    ),
    ApiKind.REST: frozenset(
        {
            "ApiKeySourceType",
            "BinaryMediaTypes",
            "Body",
            "Description",
            "DisableExecuteApiEndpoint",
            "EndpointConfiguration",
            "FailOnWarnings",
            "Mode",
            "Name",
            "Parameters",
            "SecurityPolicy",
            "Tags",
        }
    ),
}


def _definition(kind: ApiKind, resource: Declared) -> Definition:
    wanted = resource.properties
    unknown = sorted(wanted.keys() - _KNOWN[kind])
    if unknown:
        raise resource.error(f"the properties {', '.join(unknown)} are not known here")
    if "Body" not in wanted:
        raise resource.error("has no Body; only APIs made from an OpenAPI body are known here")
    return read_definition(
        kind,
        f"{resource.stack.name}/{resource.logical_id}",
        wanted["Body"],
        binary_media_types=tuple(
            media.replace("~1", "/") for media in wanted.get("BinaryMediaTypes", ())
        ),
    )


async def _create_http_api(resource: Declared, region: Surroundings) -> Physical:
    api_id = resource.id()
    region.apis.put(api_id, _definition(ApiKind.HTTP, resource))
    return Physical(
        ref=api_id,
        attributes={
            "ApiId": api_id,
            "ApiEndpoint": f"https://{api_id}.execute-api.{region.region}.amazonaws.com",
        },
    )


async def _update_http_api(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_http_api(resource, region)


async def _delete_api(physical: Physical, region: Surroundings) -> None:
    region.apis.remove(physical.ref)


HTTP_API = Kind(create=_create_http_api, update=_update_http_api, delete=_delete_api)


async def _create_rest_api(resource: Declared, region: Surroundings) -> Physical:
    api_id = resource.id()
    api = region.apis.put(api_id, _definition(ApiKind.REST, resource))
    api.is_own_name_disabled = as_bool(resource.properties.get("DisableExecuteApiEndpoint"))
    root = hashlib.sha256(api_id.encode()).hexdigest()[:10]
    return Physical(ref=api_id, attributes={"RestApiId": api_id, "RootResourceId": root})


async def _update_rest_api(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _create_rest_api(resource, region)


REST_API = Kind(
    create=_create_rest_api,
    update=_update_rest_api,
    delete=_delete_api,
    note="An API with a resource policy is refused; request validators are not enforced.",
)


async def _create_deployment(resource: Declared, region: Surroundings) -> Physical:
    deployment_id = region.apis.deploy(resource.properties["RestApiId"])
    return Physical(ref=deployment_id, attributes={"DeploymentId": deployment_id})


async def _keep_deployment(physical: Physical, _: Declared, __: Surroundings) -> Physical:
    return physical


DEPLOYMENT = Kind(
    create=_create_deployment,
    update=_keep_deployment,
    replaced_by=frozenset({"RestApiId", "ApiId"}),
)


async def _put_rest_stage(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted["StageName"]
    api = region.apis.apis[wanted["RestApiId"]]
    api.stages[name] = Stage(
        name=name,
        deployment_id=wanted["DeploymentId"],
        variables=_variables(wanted.get("Variables")),
    )
    return Physical(ref=name, attributes={})


async def _update_rest_stage(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_rest_stage(resource, region)


_STAGES: Final = "Stages ignore throttling, caching, access logs, tracing and client certificates."
REST_STAGE = Kind(
    create=_put_rest_stage,
    update=_update_rest_stage,
    replaced_by=frozenset({"RestApiId", "StageName"}),
    note=_STAGES,
)


async def _put_http_stage(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    name = wanted["StageName"]
    if not as_bool(wanted.get("AutoDeploy")):
        raise resource.error("only stages with AutoDeploy are known here")
    api = region.apis.apis[wanted["ApiId"]]
    api.stages[name] = Stage(
        name=name, deployment_id=None, variables=_variables(wanted.get("StageVariables"))
    )
    return Physical(ref=name, attributes={})


async def _update_http_stage(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_http_stage(resource, region)


HTTP_STAGE = Kind(
    create=_put_http_stage,
    update=_update_http_stage,
    replaced_by=frozenset({"ApiId", "StageName"}),
    note=_STAGES,
)


def _variables(value: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(text) for name, text in (value or {}).items()}
