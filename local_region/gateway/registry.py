"""The APIs of a region: what is defined, what is deployed, and which stage a request means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from local_region.gateway.domains import Domain
from local_region.gateway.messages import ApiKind
from local_region.gateway.openapi import Definition

DEFAULT_STAGE: Final = "$default"


@dataclass(slots=True, kw_only=True)
class Stage:
    """A named snapshot of an API; an HTTP API's automatic stage follows the definition."""

    name: str
    deployment_id: str | None
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Api:
    """One API: its present definition, its deployments and its stages.

    Attributes:
        is_own_name_disabled: Whether custom domains are the only way in.
    """

    id: str
    definition: Definition
    is_own_name_disabled: bool = False
    deployments: dict[str, Definition] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)

    def served(self, stage: Stage) -> Definition:
        """Return what a stage serves."""
        if stage.deployment_id is None:
            return self.definition
        return self.deployments[stage.deployment_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """The stage that a request means, and its path below that stage.

    Attributes:
        api: The API.
        stage: The stage.
        definition: What the stage serves when the request comes. The request is answered by it,
            whatever is deployed meanwhile.
        path: What routes are matched against.
        is_mapped: Whether the stage's name was not in the path: `$default`, or a REST API served
            at the root as a custom domain's empty base path would.
    """

    api: Api
    stage: Stage
    definition: Definition
    path: str
    is_mapped: bool


class ApiRegistry:
    """Every API of the region by id."""

    def __init__(self) -> None:
        self.apis: dict[str, Api] = {}
        self.domains: dict[str, Domain] = {}
        self._numbers = count(1)

    def put(self, api_id: str, definition: Definition) -> Api:
        """Create an API or change its definition."""
        api = self.apis.get(api_id)
        if api is None:
            api = self.apis[api_id] = Api(id=api_id, definition=definition)
        api.definition = definition
        return api

    def remove(self, api_id: str) -> None:
        """Drop an API with its stages."""
        self.apis.pop(api_id, None)

    def deploy(self, api_id: str) -> str:
        """Freeze an API's present definition; return the deployment's id."""
        api = self.apis[api_id]
        deployment_id = f"dep{next(self._numbers):07d}"
        api.deployments[deployment_id] = api.definition
        return deployment_id

    def address(self, host: str, path: str) -> Addressed | None:
        """Say which stage a request means; None if there is no API or no stage.

        The API is the one whose id is the host's first label, as on AWS, or else the first.
        """
        api = self.apis.get(host.split(".", 1)[0]) or next(iter(self.apis.values()), None)
        if api is None:
            return None
        first, _, rest = path.removeprefix("/").partition("/")
        stage = api.stages.get(first)
        if stage is not None and first != DEFAULT_STAGE:
            return Addressed(
                api=api, stage=stage, definition=api.served(stage), path=f"/{rest}", is_mapped=False
            )
        stage = self._root_stage(api)
        if stage is None:
            return None
        return Addressed(
            api=api, stage=stage, definition=api.served(stage), path=path, is_mapped=True
        )

    def behind(self, domain: str, path: str) -> Addressed | None:
        """Say which stage a request under a custom domain means; None if nothing is mapped."""
        found = self.domains.get(domain)
        api = self.apis.get(found.api) if found else None
        stage = api.stages.get(found.stage) if found and api else None
        if api is None or stage is None:
            return None
        return Addressed(
            api=api, stage=stage, definition=api.served(stage), path=path, is_mapped=True
        )

    @staticmethod
    def _root_stage(api: Api) -> Stage | None:
        if api.definition.kind is ApiKind.REST:
            return next(iter(api.stages.values()), None)
        return api.stages.get(DEFAULT_STAGE)
