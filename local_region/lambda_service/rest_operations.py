"""The operations of the Lambda REST API other than Invoke, one method each."""

import base64
import binascii
import io
import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local_region.lambda_service.refusals import (
    InvalidParameterValueError,
    ResourceNotFoundError,
)
from local_region.lambda_service.rest_views import (
    Json,
    alias_configuration,
    event_invoke_config,
    function_configuration,
    provisioned_config,
)
from local_region.lambda_service.service import LambdaService
from local_region.lambda_service.values import EventInvokeConfig, FunctionSettings, VersionView

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Operation:
    """Where an operation is found and what it answers when it succeeds."""

    name: str
    method: str
    path: re.Pattern[str]
    status: int


def _operation(name: str, method: str, path: str, status: int = 200) -> Operation:
    return Operation(name, method, re.compile(path.replace("{}", "([^/]+)") + "/?"), status)


_FUNCTIONS: Final = "/2015-03-31/functions"
_PROVISIONED: Final = "/2019-09-30/functions/{}/provisioned-concurrency"
_EVENT_CONFIG: Final = "/2019-09-25/functions/{}/event-invoke-config"

OPERATIONS: Final = (
    _operation("list_functions", "GET", _FUNCTIONS),
    _operation("create_function", "POST", _FUNCTIONS, 201),
    _operation("get_function", "GET", f"{_FUNCTIONS}/{{}}"),
    _operation("delete_function", "DELETE", f"{_FUNCTIONS}/{{}}", 204),
    _operation("get_configuration", "GET", f"{_FUNCTIONS}/{{}}/configuration"),
    _operation("update_configuration", "PUT", f"{_FUNCTIONS}/{{}}/configuration"),
    _operation("update_code", "PUT", f"{_FUNCTIONS}/{{}}/code"),
    _operation("publish_version", "POST", f"{_FUNCTIONS}/{{}}/versions", 201),
    _operation("list_versions", "GET", f"{_FUNCTIONS}/{{}}/versions"),
    _operation("create_alias", "POST", f"{_FUNCTIONS}/{{}}/aliases", 201),
    _operation("list_aliases", "GET", f"{_FUNCTIONS}/{{}}/aliases"),
    _operation("get_alias", "GET", f"{_FUNCTIONS}/{{}}/aliases/{{}}"),
    _operation("update_alias", "PUT", f"{_FUNCTIONS}/{{}}/aliases/{{}}"),
    _operation("delete_alias", "DELETE", f"{_FUNCTIONS}/{{}}/aliases/{{}}", 204),
    _operation("put_concurrency", "PUT", "/2017-10-31/functions/{}/concurrency"),
    _operation("delete_concurrency", "DELETE", "/2017-10-31/functions/{}/concurrency", 204),
    _operation("get_concurrency", "GET", "/2019-09-30/functions/{}/concurrency"),
    _operation("put_provisioned", "PUT", _PROVISIONED, 202),
    _operation("get_provisioned", "GET", _PROVISIONED),
    _operation("delete_provisioned", "DELETE", _PROVISIONED, 204),
    _operation("put_event_config", "PUT", _EVENT_CONFIG),
    _operation("get_event_config", "GET", _EVENT_CONFIG),
    _operation("delete_event_config", "DELETE", _EVENT_CONFIG, 204),
    _operation("account_settings", "GET", "/2016-08-19/account-settings"),
)
"""Every operation the local Lambda API knows, Invoke aside."""


class Operations:
    """Turns request members into calls of the service, and its values into response shapes.

    Args:
        service: The service.
    """

    def __init__(self, service: LambdaService) -> None:
        self._service = service

    # ------------------------------------------------------------ functions
    def list_functions(self, query: Query, members: Json) -> Json:
        """ListFunctions; `FunctionVersion=ALL` lists published versions too."""
        del members
        views = self._service.list_functions()
        if query.get("FunctionVersion") == "ALL":
            views = tuple(
                version
                for view in views
                for version in self._service.list_versions(view.function_name)
            )
        return {"Functions": [function_configuration(view) for view in views]}

    def create_function(self, query: Query, members: Json) -> Json:
        """CreateFunction, from a zip file."""
        del query
        with _code_folder(members.get("Code", {})) as folder:
            settings = FunctionSettings(
                name=members["FunctionName"],
                code_folder=Path(folder),
                role=members["Role"],
                **_configuration(members),
            )
            view = self._service.create_function(settings)
        if members.get("Publish"):
            view = self._service.publish_version(view.function_name)
        return function_configuration(view)

    def get_function(self, name: str, query: Query, members: Json) -> Json:
        """GetFunction."""
        shape: Json = {
            "Configuration": self.get_configuration(name, query, members),
            "Code": {
                "RepositoryType": "S3",
                "Location": self._view(name, query).settings.code_folder.as_uri(),
            },
        }
        reserved = self._service.get_function_concurrency(self._name(name))
        if reserved is not None:
            shape["Concurrency"] = {"ReservedConcurrentExecutions": reserved}
        return shape

    def delete_function(self, name: str, query: Query, members: Json) -> None:
        """DeleteFunction, or one version of it."""
        del members
        self._service.delete_function(name, query.get("Qualifier"))

    def get_configuration(self, name: str, query: Query, members: Json) -> Json:
        """GetFunctionConfiguration; an alias shows its version under the alias's ARN."""
        del members
        home = self._service.home
        function, qualifier = home.locate(name, query.get("Qualifier"))
        arn = home.arn(function, qualifier) if qualifier else None
        return function_configuration(self._view(name, query), arn)

    def update_configuration(self, name: str, query: Query, members: Json) -> Json:
        """UpdateFunctionConfiguration."""
        del query
        changes = _configuration(members)
        if "Role" in members:
            changes["role"] = members["Role"]
        view = self._service.update_function_configuration(
            self._name(name), revision_id=members.get("RevisionId"), **changes
        )
        return function_configuration(view)

    def update_code(self, name: str, query: Query, members: Json) -> Json:
        """UpdateFunctionCode, from a zip file."""
        del query
        with _code_folder(members) as folder:
            view = self._service.update_function_code(
                self._name(name),
                Path(folder),
                architecture=next(iter(members.get("Architectures", [])), None),
                revision_id=members.get("RevisionId"),
            )
        if members.get("Publish"):
            view = self._service.publish_version(view.function_name)
        return function_configuration(view)

    # ------------------------------------------------------------- versions
    def publish_version(self, name: str, query: Query, members: Json) -> Json:
        """PublishVersion."""
        del query
        view = self._service.publish_version(
            self._name(name),
            code_sha256=members.get("CodeSha256"),
            description=members.get("Description", ""),
            revision_id=members.get("RevisionId"),
        )
        return function_configuration(view)

    def list_versions(self, name: str, query: Query, members: Json) -> Json:
        """ListVersionsByFunction."""
        del query, members
        home = self._service.home
        views = self._service.list_versions(self._name(name))
        return {
            "Versions": [
                function_configuration(view, home.arn(view.function_name, view.version))
                for view in views
            ]
        }

    # -------------------------------------------------------------- aliases
    def create_alias(self, name: str, query: Query, members: Json) -> Json:
        """CreateAlias."""
        del query
        view = self._service.create_alias(
            self._name(name),
            members["Name"],
            members["FunctionVersion"],
            weights=_weights(members) or {},
            description=members.get("Description", ""),
        )
        return alias_configuration(view)

    def update_alias(self, name: str, alias: str, query: Query, members: Json) -> Json:
        """UpdateAlias."""
        del query
        view = self._service.update_alias(
            self._name(name),
            alias,
            members.get("FunctionVersion"),
            weights=_weights(members),
            description=members.get("Description"),
            revision_id=members.get("RevisionId"),
        )
        return alias_configuration(view)

    def get_alias(self, name: str, alias: str, query: Query, members: Json) -> Json:
        """GetAlias."""
        del query, members
        return alias_configuration(self._service.get_alias(self._name(name), alias))

    def list_aliases(self, name: str, query: Query, members: Json) -> Json:
        """ListAliases."""
        del members
        views = self._service.list_aliases(self._name(name), query.get("FunctionVersion"))
        return {"Aliases": [alias_configuration(view) for view in views]}

    def delete_alias(self, name: str, alias: str, query: Query, members: Json) -> None:
        """DeleteAlias."""
        del query, members
        self._service.delete_alias(self._name(name), alias)

    # ---------------------------------------------------------- concurrency
    def put_concurrency(self, name: str, query: Query, members: Json) -> Json:
        """PutFunctionConcurrency."""
        del query
        function, qualifier = self._service.home.locate(name)
        if qualifier is not None:
            raise InvalidParameterValueError(
                "This operation is permitted on Lambda functions only. Aliases and versions do not "
                "support this operation. Please specify either a function name or an unqualified "
                "function ARN."
            )
        reserved = members["ReservedConcurrentExecutions"]
        self._service.put_function_concurrency(function, reserved)
        return {"ReservedConcurrentExecutions": reserved}

    def get_concurrency(self, name: str, query: Query, members: Json) -> Json:
        """GetFunctionConcurrency."""
        del query, members
        reserved = self._service.get_function_concurrency(self._name(name))
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def delete_concurrency(self, name: str, query: Query, members: Json) -> None:
        """DeleteFunctionConcurrency."""
        del query, members
        self._service.delete_function_concurrency(self._name(name))

    def put_provisioned(self, name: str, query: Query, members: Json) -> Json:
        """PutProvisionedConcurrencyConfig."""
        view = self._service.put_provisioned_concurrency(
            self._name(name), query.get("Qualifier"), members["ProvisionedConcurrentExecutions"]
        )
        return provisioned_config(view)

    def get_provisioned(self, name: str, query: Query, members: Json) -> Json:
        """GetProvisionedConcurrencyConfig, or with `List=ALL` ListProvisionedConcurrencyConfigs."""
        del members
        function = self._name(name)
        if query.get("List") == "ALL":
            views = self._service.list_provisioned_concurrency(function)
            configs = [{"FunctionArn": view.arn, **provisioned_config(view)} for view in views]
            return {"ProvisionedConcurrencyConfigs": configs}
        view = self._service.get_provisioned_concurrency(function, query.get("Qualifier"))
        return provisioned_config(view)

    def delete_provisioned(self, name: str, query: Query, members: Json) -> None:
        """DeleteProvisionedConcurrencyConfig."""
        del members
        self._service.delete_provisioned_concurrency(self._name(name), query.get("Qualifier"))

    # --------------------------------------------------------------- events
    def put_event_config(self, name: str, query: Query, members: Json) -> Json:
        """PutFunctionEventInvokeConfig; destinations are the region's to connect."""
        config = EventInvokeConfig(
            maximum_retry_attempts=members.get("MaximumRetryAttempts", 2),
            maximum_event_age_s=members.get("MaximumEventAgeInSeconds", 21_600),
        )
        self._service.put_event_invoke_config(self._name(name), query.get("Qualifier"), config)
        return self.get_event_config(name, query, members)

    def get_event_config(self, name: str, query: Query, members: Json) -> Json:
        """GetFunctionEventInvokeConfig."""
        del members
        service = self._service
        function, qualifier = service.home.locate(name, query.get("Qualifier"))
        arn = service.home.arn(function, qualifier or "$LATEST")
        config = service.get_event_invoke_config(function, qualifier)
        if config is None:
            raise ResourceNotFoundError(f"The function {arn} doesn't have an EventInvokeConfig")
        return event_invoke_config(arn, config, service.now())

    def delete_event_config(self, name: str, query: Query, members: Json) -> None:
        """DeleteFunctionEventInvokeConfig."""
        self.get_event_config(name, query, members)
        self._service.put_event_invoke_config(self._name(name), query.get("Qualifier"), None)

    def account_settings(self, query: Query, members: Json) -> Json:
        """GetAccountSettings: concurrency limits."""
        del query, members
        plane = self._service.plane
        total = plane.limits.account_concurrency
        return {
            "AccountLimit": {
                "ConcurrentExecutions": total,
                "UnreservedConcurrentExecutions": total - plane.claimed(),
            },
            "AccountUsage": {"FunctionCount": len(self._service.list_functions())},
        }

    # --------------------------------------------------------------- private
    def _name(self, text: str) -> str:
        return self._service.home.locate(text)[0]

    def _view(self, name: str, query: Query) -> VersionView:
        return self._service.get_function(name, query.get("Qualifier"))


def _weights(members: Json) -> Mapping[str, float] | None:
    routing = members.get("RoutingConfig")
    return None if routing is None else routing.get("AdditionalVersionWeights") or {}


def _configuration(members: Json) -> dict[str, Any]:
    """Read the members that CreateFunction and UpdateFunctionConfiguration share."""
    if members.get("Layers"):
        raise InvalidParameterValueError(
            "The local region takes layers from synthesized templates only; "
            "remove Layers or add the layer to a stack"
        )
    plain = {
        "Handler": "handler",
        "Runtime": "runtime",
        "Timeout": "timeout_s",
        "MemorySize": "memory_mib",
        "Description": "description",
    }
    found = {field: members[member] for member, field in plain.items() if member in members}
    if "Environment" in members:
        found["environment"] = members["Environment"].get("Variables") or {}
    if "EphemeralStorage" in members:
        found["ephemeral_storage_mib"] = members["EphemeralStorage"]["Size"]
    if "SnapStart" in members:
        found["snap_start"] = members["SnapStart"].get("ApplyOn") == "PublishedVersions"
    return found


def _code_folder(code: Json) -> "tempfile.TemporaryDirectory[str]":
    """Unpack a `ZipFile` member; the folder goes when its context ends."""
    if "ZipFile" not in code:
        raise InvalidParameterValueError(
            "The local Lambda API takes code as a ZipFile; functions of stacks come from cdk.out"
        )
    folder = tempfile.TemporaryDirectory(prefix="falaj-code-")
    try:
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(code["ZipFile"], validate=True)))
        archive.extractall(folder.name)
    except (binascii.Error, zipfile.BadZipFile) as error:
        folder.cleanup()
        raise InvalidParameterValueError(
            "Could not unzip uploaded file. Please check your file, then try to upload again."
        ) from error
    return folder
