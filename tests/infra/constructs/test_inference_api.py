"""Promise: one API from one OpenAPI body, in which every model takes two routes."""

import json

import pytest

from infra.config.deployment import Access
from infra.config.profile import ApiKind
from infra.constructs.api_access import ApiAccess
from infra.constructs.api_routes import MOST_MODELS, PLATFORM_PATHS, ApiRoutes, Backend
from infra.constructs.invocation_role import ARNS_PER_POLICY

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
API_TYPES = {"smb": "AWS::ApiGatewayV2::Api", "enterprise": "AWS::ApiGateway::RestApi"}


def body(assembly):
    """Return the OpenAPI body of either kind of API."""
    (api,) = (
        resource
        for kind in API_TYPES.values()
        for resource in assembly.of_type("FalajApi", kind).values()
    )
    return api["Properties"]["Body"]


def routes(**changes) -> ApiRoutes:
    """Make the routes of two models."""
    given = {
        "kind": ApiKind.HTTP,
        "access": ApiAccess(kind=changes.get("kind", ApiKind.HTTP), mode=Access.IAM),
        "credentials": "role",
        "models": {"a": Backend(arn="uri-a", timeout_s=5), "b": Backend(arn="uri-b", timeout_s=60)},
        "platform": Backend(arn="uri-p", timeout_s=10),
    }
    return ApiRoutes(**(given | changes))


def test_a_model_takes_two_routes_which_lead_to_its_alias(assembly):
    """All methods; the alias is found through SSM."""
    paths = body(assembly)["paths"]
    targets = {
        path: operation[ANY][INTEGRATION]["uri"]["Fn::Sub"][1]["Function"]
        for path, operation in paths.items()
        if path.startswith("/v2/models/file-type")
    }

    assert targets == {
        "/v2/models/file-type": {"Ref": "AliasfileDashtype"},
        "/v2/models/file-type/{proxy+}": {"Ref": "AliasfileDashtype"},
    }
    parameter = assembly.template("FalajApi")["Parameters"]["AliasfileDashtype"]
    assert parameter == {
        "Type": "AWS::SSM::Parameter::Value<String>",
        "Default": "/falaj/models/file-type/alias-arn",
    }


def test_everything_else_leads_to_the_platform_function(assembly):
    """Unknown paths too, so that there is one kind of error body."""
    paths = body(assembly)["paths"]
    models = ("churn", "file-type", "snap", "twin")
    rest = {path for path in paths if not any(model in path for model in models)}
    (platform,) = assembly.of_type("FalajApi", "AWS::Lambda::Function")
    targets = {
        json.dumps(paths[path][ANY][INTEGRATION]["uri"]["Fn::Sub"][1]["Function"]) for path in rest
    }

    assert rest - set(PLATFORM_PATHS) in ({"/$default"}, {"/", "/{proxy+}"})
    assert targets == {json.dumps({"Fn::GetAtt": [platform, "Arn"]})}


def test_callers_must_sign_by_default(assembly):
    """Deny by default, on every route."""
    asked = {
        operation[ANY]["x-amazon-apigateway-auth"]["type"]
        for operation in body(assembly)["paths"].values()
    }

    assert asked == {"AWS_IAM"}


def test_an_open_api_is_asked_for_by_name():
    """And says so on every route."""
    asked = ApiAccess(kind=ApiKind.HTTP, mode=Access.OPEN)
    paths = routes(access=asked).body("t")["paths"].values()

    assert {path[ANY]["x-amazon-apigateway-auth"]["type"] for path in paths} == {"NONE"}


@pytest.mark.parametrize(("kind", "version"), [(ApiKind.HTTP, "2.0"), (ApiKind.REST, "1.0")])
def test_each_kind_sends_the_event_format_its_handler_expects(kind, version):
    """Payload format 2.0 from HTTP APIs, 1.0 from REST APIs."""
    paths = routes(kind=kind).body("t")["paths"].values()

    assert {path[ANY][INTEGRATION]["payloadFormatVersion"] for path in paths} == {version}


def test_the_api_waits_as_long_as_a_cold_function_but_no_longer_than_it_can():
    """Ten seconds to start and one more, so that the function's own timeout is what is seen."""
    paths = routes(kind=ApiKind.REST).body("t")["paths"]
    waits = {p: paths[f"/v2/models/{p}"][ANY][INTEGRATION]["timeoutInMillis"] for p in "ab"}

    assert waits == {"a": 16_000, "b": 29_000}


def test_a_rest_api_takes_tensors_as_bytes():
    """Without this, binary tensors would arrive mangled."""
    assert routes(kind=ApiKind.REST).body("t")["x-amazon-apigateway-binary-media-types"] == ["*/*"]


def test_a_rest_api_refuses_in_the_functions_own_words():
    """A caller parses one kind of error body."""
    responses = routes(kind=ApiKind.REST).body("t")["x-amazon-apigateway-gateway-responses"]
    texts = [r["responseTemplates"]["application/json"] for r in responses.values()]
    filled = [
        json.loads(
            text.replace("$context.error.messageString", '"Forbidden"').replace(
                "$context.requestId", "1"
            )
        )
        for text in texts
    ]

    assert {frozenset(answer) for answer in filled} == {frozenset({"error", "code", "request_id"})}
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "UNAUTHORIZED", "ACCESS_DENIED"} <= responses.keys()


def test_a_rest_api_without_room_says_when_to_come_back():
    """As a full container does: 503, and not the 500 of a fault that lasts."""
    responses = routes(kind=ApiKind.REST).body("t")["x-amazon-apigateway-gateway-responses"]
    short = responses["INTEGRATION_FAILURE"]

    assert short["statusCode"] == "503"
    assert short["responseParameters"] == {"gatewayresponse.header.Retry-After": "'1'"}
    assert '"code":"overloaded"' in short["responseTemplates"]["application/json"]


def test_browsers_are_let_in_only_when_named():
    """No CORS unless it is asked for."""
    open_to = routes(cors_origins=["https://a.example"]).body("t")

    assert "x-amazon-apigateway-cors" not in routes().body("t")
    assert open_to["x-amazon-apigateway-cors"]["allowOrigins"] == ["https://a.example"]


def test_the_most_models_stay_within_what_api_gateway_routes():
    """300 routes, integrations or resources of one API; a REST path's folders count too."""
    models = {f"m{n}": Backend(arn="u", timeout_s=5) for n in range(MOST_MODELS)}
    http = routes(models=models).body("t")["paths"]
    rest = routes(models=models, kind=ApiKind.REST).body("t")["paths"]
    resources = {
        "/".join(path.split("/")[:depth])
        for path in rest
        for depth in range(1, len(path.rstrip("/").split("/")) + 1)
    }

    assert (len(http) <= 300, len(resources) <= 300) == (True, True)


def test_the_apis_role_may_invoke_exactly_what_it_routes_to(assembly):
    """Each alias, the platform function and the intake, by name."""
    policies = assembly.of_type("FalajApi", "AWS::IAM::ManagedPolicy").values()
    allowed = [
        arn
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for arn in statement["Resource"]
    ]
    (platform,) = assembly.of_type("FalajApi", "AWS::Lambda::Function")

    assert allowed == [
        {"Fn::GetAtt": [platform, "Arn"]},
        {"Ref": "Aliaschurn"},
        {"Ref": "AliasfileDashtype"},
        {"Ref": "Aliassnap"},
        {"Ref": "Aliastwin"},
        {"Ref": "IntakeArn"},
    ]


def test_the_role_of_the_most_models_fits_iams_limits():
    """Ten managed policies of 6,144 characters each."""
    longest_arn = f"arn:aws:lambda:me-central-1:{'1' * 12}:function:{'f' * 64}:live"
    policy = json.dumps([longest_arn] * ARNS_PER_POLICY, separators=(",", ":"))

    assert (len(policy) < 5_900, (MOST_MODELS + 1) / ARNS_PER_POLICY <= 10) == (True, True)


def test_another_body_is_another_deployment_of_a_rest_api(catalogue, assemble):
    """A REST API keeps serving the snapshot it deployed last."""
    catalogue.add("churn")
    before = assemble(catalogue.sources, profile="enterprise")
    again = assemble(catalogue.sources, profile="enterprise")
    catalogue.add("file-type")
    after = assemble(catalogue.sources, profile="enterprise")
    (one,), (same,), (other,) = (
        a.of_type("FalajApi", "AWS::ApiGateway::Deployment") for a in (before, again, after)
    )

    assert (one == same, one == other) == (True, False)


def test_a_small_business_gets_an_http_api_that_deploys_itself(smb):
    """No stage in the address."""
    stage = smb.one("FalajApi", "AWS::ApiGatewayV2::Stage")["Properties"]

    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)


def test_a_bank_gets_a_regional_rest_api(enterprise):
    """An edge-optimized one would leave the region."""
    api = enterprise.one("FalajApi", "AWS::ApiGateway::RestApi")["Properties"]

    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_every_api_is_throttled_and_logged(smb, enterprise):
    """One caller cannot take the account's whole rate."""
    http = smb.one("FalajApi", "AWS::ApiGatewayV2::Stage")["Properties"]
    rest = enterprise.one("FalajApi", "AWS::ApiGateway::Stage")["Properties"]

    assert http["DefaultRouteSettings"]["ThrottlingRateLimit"] == 1000
    assert rest["MethodSettings"][0]["ThrottlingRateLimit"] == 1000
    assert "request_id" in json.loads(http["AccessLogSettings"]["Format"])
    assert "request_id" in json.loads(rest["AccessLogSetting"]["Format"])


def test_the_address_is_an_output(assembly):
    """`cdk deploy` ends with it."""
    assert list(assembly.template("FalajApi")["Outputs"]) == ["ApiUrl"]


PERSONAL = ("path}", "context.path", "authorizer", "identity.user", "userAgent", "query", "header")
"""Parts of variables that hold what a caller wrote."""


def test_what_a_caller_writes_is_in_no_log_of_the_apis_own(assembly):
    """An address may name a person: the log has the route, and a REST stage is not traced."""
    (stage,) = (
        stage["Properties"]
        for kind in ("AWS::ApiGatewayV2::Stage", "AWS::ApiGateway::Stage")
        for stage in assembly.of_type("FalajApi", kind).values()
    )
    log = stage.get("AccessLogSetting") or stage["AccessLogSettings"]

    assert [word for word in PERSONAL if word in log["Format"]] == []
    assert json.loads(log["Format"])["route"] in {"$context.routeKey", "$context.resourcePath"}
    assert not stage.get("TracingEnabled")
    assert not any(each.get("DataTraceEnabled") for each in stage.get("MethodSettings", ()))
