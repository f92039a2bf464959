"""The strict, local Lambda service: real function processes behind AWS's own control plane rules.

    folders = RuntimeFolders.prepare(Path(".build/host"), progress=print)
    service = LambdaService(
        clock=clock, rng=random.Random(7), log_sink=lines.append, runtime=folders,
        account="000000000000", region="me-central-1", limits=Limits(),
        endpoint_url="http://127.0.0.1:4566", on_event_failure=None, on_invocation=None,
        boundary=None, state_folder=None)
    await service.start()
    ...
    await service.close()

Control plane, synchronous; every refusal is a `LambdaApiError` with AWS's code, status and wording:

    await capture(FunctionSettings(…)) -> Captured           # copies, while requests go on
    create_function(FunctionSettings(…), captured=None) -> FunctionView
    replace_function(FunctionSettings(…), captured) -> FunctionView
    update_function_code(name, code_folder, *, architecture=None, revision_id=None) -> FunctionView
    update_function_configuration(name, *, revision_id=None, **settings) -> FunctionView
    delete_function(name, qualifier=None) · list_functions() -> tuple[FunctionView, …]
    get_function(name, qualifier=None) -> VersionView
    publish_version(name, *, code_sha256=None, description="", revision_id=None,
                    provisioned=None) -> VersionView
    list_versions(name) -> tuple[VersionView, …]
    create_alias(name, alias, function_version, *, weights={}, description="") -> AliasView
    update_alias(name, alias, function_version=None, *, weights=None, description=None,
                 revision_id=None) -> AliasView
    get_alias(name, alias) · list_aliases(name, function_version=None) · delete_alias(name, alias)
    put_function_concurrency(name, reserved) · get_function_concurrency(name) ·
    delete_function_concurrency(name)
    put_provisioned_concurrency(name, qualifier, wanted) -> ProvisionedView
    get_… · list_… · delete_provisioned_concurrency(name, qualifier)
    put_event_invoke_config(name, qualifier, EventInvokeConfig(…))

Invocation, asynchronous:

    await invoke(name_or_arn, qualifier, payload, *, invocation_type="RequestResponse",
                 request_id=None, trace=None, client_context=None) -> InvokeResult
    await ready(name, qualifier)                             # provisioned environments are up
    tick()                                                   # reap and retry what the clock makes
    due
    await drain()                                            # until no event is queued or running

`rest.RestApi(service).handle(method, path, query, headers, body)` is the AWS Lambda REST API: an
unmodified boto3 client works against it. A layer with wheels for another platform or Python is
resolved again for this machine (`RuntimeFolders.host_layer`).

SnapStart is checked, not emulated: a published version with SnapStart starts like any other.
"""

from local_region.lambda_service.concurrency import Limits
from local_region.lambda_service.refusals import LambdaApiError
from local_region.lambda_service.runtime_folders import RuntimeFolders
from local_region.lambda_service.service import LambdaService
from local_region.lambda_service.values import (
    AliasView,
    Boundary,
    EventFailure,
    EventInvokeConfig,
    FunctionSettings,
    FunctionView,
    Invoked,
    InvokeResult,
    LogLine,
    ProvisionedView,
    VersionView,
)

__all__ = [
    "AliasView",
    "Boundary",
    "EventFailure",
    "EventInvokeConfig",
    "FunctionSettings",
    "FunctionView",
    "InvokeResult",
    "Invoked",
    "LambdaApiError",
    "LambdaService",
    "Limits",
    "LogLine",
    "ProvisionedView",
    "RuntimeFolders",
    "VersionView",
]
