"""One API in front of all models, made from one OpenAPI body."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import (
    Fn,
    Stack,
    Token,
    aws_apigateway as rest,
    aws_apigatewayv2 as http,
    aws_iam as iam,
)
from constructs import Construct

from infra.bundling.trees import text_digest
from infra.config.deployment import Deployment
from infra.config.profile import ApiKind
from infra.constructs.api_access import ApiAccess
from infra.constructs.api_routes import ApiRoutes, Backend, PrivateBackend, Waiting
from infra.constructs.bounded_role import trust
from infra.constructs.invocation_role import InvocationRole
from infra.constructs.keeping import keep
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.region_boundary import BOUNDARY_ARN

API_NAME: Final = "Falaj"
RATE_PER_SECOND: Final = 1000
BURST: Final = 500
"""Requests the whole API takes; below what the account allows in this region, so that one API
cannot starve another.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/limits.html: in Middle East (UAE) 2,500
    requests a second with a burst of 1,250, read 2026-11-22.
"""

ACCESS_LOG: Final = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "method": "$context.httpMethod",
    "route": "",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "integration_error": "$context.integrationErrorMessage",
    "source_ip": "$context.identity.sourceIp",
    "refused_as": "$context.error.responseType",
}
"""One line of each request, with the route that it took and never the path that the caller wrote,
which may name a person (`_access_log`). Of those that API Gateway itself refuses it is the only
record: as what (UNAUTHORIZED, ACCESS_DENIED, THROTTLED, QUOTA_EXCEEDED, WAF_FILTERED), and never
the token.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/
    api-gateway-variables-for-access-logging.html and http-api-logging-variables.html
    (`$context.error.responseType`); supported-gateway-response-types.html.
"""


def _access_log(route: str) -> str:
    return json.dumps({**ACCESS_LOG, "route": route})


class InferenceApi(Construct):
    """The API and its address.

    Attributes:
        url: Where it answers, without a slash at the end.
        stage: The REST API's stage; None of an HTTP API.
        http_id: The HTTP API's id; empty of a REST API.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        models: Mapping[str, Backend | PrivateBackend],
        platform: Backend,
        with_feedback: Sequence[str],
        waiting: Waiting | None,
        access: ApiAccess,
        deployment: Deployment,
        key_arn: str | None,
    ) -> None:
        """Make the API.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            models: Each model's alias by ARN, or its service.
            platform: The platform function, by ARN.
            with_feedback: Names of the models that take feedback, which the platform function does.
            waiting: Where models are asked that answer later; None where none does.
            access: What is asked of callers.
            deployment: Profile and stage.
            key_arn: The customer's key for the access log; None for CloudWatch's own.
        """
        super().__init__(scope, id_)
        self.stage: rest.CfnStage | None = None
        self.http_id = ""
        backends = [platform, *(b for b in models.values() if isinstance(b, Backend))]
        if waiting is not None:
            backends.append(waiting.intake)
        role = InvocationRole(self, "Invoke", function_arns=[b.arn for b in backends])
        routes = ApiRoutes(
            kind=deployment.settings.api,
            access=access,
            credentials=role.role.attr_arn,
            models=models,
            platform=platform,
            with_feedback=with_feedback,
            waiting=waiting,
            cors_origins=deployment.cors_origins,
        )
        logs = KeptLogs(self, "AccessLogs", settings=deployment.settings, key_arn=key_arn)
        body = routes.body(API_NAME)
        if deployment.settings.api is ApiKind.HTTP:
            self.url = self._http(body, logs.group.attr_arn)
        else:
            self.url = self._rest(body, logs.group.attr_arn, deployment)

    def _http(self, body: dict[str, Any], log_arn: str) -> str:
        api = http.CfnApi(self, "Http", body=body, fail_on_warnings=True)
        self.http_id = api.ref
        http.CfnStage(
            self,
            "Stage",
            api_id=api.ref,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=http.CfnStage.AccessLogSettingsProperty(
                destination_arn=log_arn, format=_access_log("$context.routeKey")
            ),
            default_route_settings=http.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=RATE_PER_SECOND,
                throttling_burst_limit=BURST,
                detailed_metrics_enabled=True,
            ),
        )
        return api.attr_api_endpoint

    def _rest(self, body: dict[str, Any], log_arn: str, deployment: Deployment) -> str:
        stage_name, own_name = deployment.stage, deployment.api_name.domain
        api = rest.CfnRestApi(
            self,
            "Rest",
            name=API_NAME,
            body=body,
            endpoint_configuration=rest.CfnRestApi.EndpointConfigurationProperty(
                types=["REGIONAL"]
            ),
            # Beside the API's own name, with its certificates, there is no other way in.
            disable_execute_api_endpoint=True if own_name else None,
            fail_on_warnings=True,
        )
        # A deployment is a snapshot: another body needs another one, hence another logical id.
        text = json.dumps(Stack.of(self).resolve(body), sort_keys=True)
        deployed = rest.CfnDeployment(
            self, f"Deployment{text_digest(text)[:16]}", rest_api_id=api.ref
        )
        stage = rest.CfnStage(
            self,
            "Stage",
            rest_api_id=api.ref,
            stage_name=stage_name,
            deployment_id=deployed.attr_deployment_id,
            # Its trace would hold the address as it was asked, query and all, which may name a
            # person; a function's own trace begins behind it, and holds none.
            # docs.aws.amazon.com/apigateway/latest/developerguide/
            # apigateway-understanding-xray-traces.html (http.request.url), read 2026-11-22.
            tracing_enabled=False,
            access_log_setting=rest.CfnStage.AccessLogSettingProperty(
                destination_arn=log_arn, format=_access_log("$context.resourcePath")
            ),
            method_settings=[
                rest.CfnStage.MethodSettingProperty(
                    http_method="*",
                    resource_path="/*",
                    metrics_enabled=True,
                    throttling_rate_limit=RATE_PER_SECOND,
                    throttling_burst_limit=BURST,
                )
            ],
        )
        stage.add_resource_dependency(self._log_account())
        self.stage = stage
        if own_name:
            return f"https://{own_name}"
        return Fn.sub(
            "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}",
            {"Api": api.ref, "Stage": stage_name},
        )

    def _log_account(self) -> rest.CfnAccount:
        """Let REST APIs of this account write logs, which they may not do by default.

        Source: docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html.
        """
        role = iam.CfnRole(
            self,
            "LogRole",
            assume_role_policy_document=trust("apigateway.amazonaws.com"),
            permissions_boundary=Token.as_string(BOUNDARY_ARN),
            managed_policy_arns=[
                Fn.sub(
                    "arn:${AWS::Partition}:iam::aws:policy/service-role/"
                    "AmazonAPIGatewayPushToCloudWatchLogs"
                )
            ],
        )
        account = rest.CfnAccount(self, "Account", cloud_watch_role_arn=role.attr_arn)
        keep(role, account)
        return account
