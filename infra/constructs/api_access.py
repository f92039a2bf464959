"""What each route asks of a caller, in the words of API Gateway's OpenAPI extensions.

Sources, read 2026-11-22:
    docs.aws.amazon.com/apigateway/latest/developerguide/
    api-gateway-swagger-extensions-authorizer.html (JWT authorizers of HTTP APIs: `type`,
    `jwtConfiguration`, `identitySource`; Lambda authorizers of REST APIs: `authorizerUri`,
    `authorizerCredentials`, `identityValidationExpression`, `authorizerResultTtlInSeconds`);
    …/api-gateway-swagger-extensions-auth.html (AWS_IAM);
    …/api-gateway-swagger-extensions-api-key-source.html.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from falaj.domain.access import ModelAccess
from falaj.domain.routes import READ_PLATFORM
from infra.config.deployment import Access
from infra.config.profile import ApiKind
from infra.config.tokens import TokenIssuer
from infra.constructs.function_role import sub

TOKENS: Final = "tokens"
QUOTA: Final = "quota"
"""Names of the two security schemes."""

SCOPES_PER_ROUTE: Final = 10
"""Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html, read
2026-11-22."""

KEPT_S: Final = 60
"""How long the authorizer's answer for a token is kept: a withdrawn key opens nothing after a
minute more. The functions look at the token's own end, whatever is kept."""

_BEARER: Final = r"^[Bb]earer [-A-Za-z0-9_=]+\.[-A-Za-z0-9_=]+\.[-A-Za-z0-9_=]*$"
"""What is no bearer token gets 401 before the authorizer is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """The function that checks tokens, and the role that invokes it."""

    function_arn: str
    role_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccess:
    """What an API asks of its callers.

    Attributes:
        kind: HTTP API or REST API.
        mode: What is asked.
        tokens: Whose tokens count.
        models: Who may call each model.
        authorizer: Who checks tokens before a REST API.
        has_quotas: Whether a usage plan counts each tenant's requests.
    """

    kind: ApiKind
    mode: Access
    tokens: TokenIssuer = field(default_factory=TokenIssuer)
    models: Mapping[str, ModelAccess] = field(default_factory=dict)
    authorizer: Authorizer | None = None
    has_quotas: bool = False

    @property
    def tenant(self) -> str:
        """Where the API itself knows the caller's tenant from, below `$context`."""
        if self.mode is not Access.JWT:
            return _SOURCES[self.mode]
        if self.kind is ApiKind.HTTP:
            return f"authorizer.claims.{self.tokens.tenant_claim}"
        return "authorizer.tenant"

    @property
    def subject(self) -> str:
        """Where the API itself knows who asks on the tenant's behalf, below `$context`."""
        if self.mode is not Access.JWT:
            return _SUBJECTS[self.mode]
        return "authorizer.claims.sub" if self.kind is ApiKind.HTTP else "authorizer.subject"

    def document(self) -> dict[str, Any]:
        """Return what the OpenAPI document says of security as a whole."""
        if self.mode is not Access.JWT:
            return {}
        if self.kind is ApiKind.HTTP:
            return {"components": {"securitySchemes": {TOKENS: self._native()}}}
        schemes = {TOKENS: self._by_function()}
        if not self.has_quotas:
            return {"components": {"securitySchemes": schemes}}
        schemes[QUOTA] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
        return {
            "components": {"securitySchemes": schemes},
            # The authorizer says which tenant is counted; a key that a caller sends says nothing.
            "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        }

    def of_platform(self, path: str) -> dict[str, Any]:
        """Return what a route of the platform function asks.

        Args:
            path: The route's; where it takes in what has scopes of its own, the gateway asks for a
                token only, and the function for the scope.
        """
        return self._operation(() if path in _MIXED else (READ_PLATFORM,))

    def of_model(self, model: str) -> dict[str, Any]:
        """Return what a model's route asks; whoever is behind it looks at each action's scope.

        Args:
            model: The model's name.
        """
        access = self.models.get(model)
        return self._operation(() if access is None else access.all_scopes)

    def _operation(self, scopes: Sequence[str]) -> dict[str, Any]:
        if self.mode is not Access.JWT:
            kind = "AWS_IAM" if self.mode is Access.IAM else "NONE"
            return {"x-amazon-apigateway-auth": {"type": kind}}
        if self.kind is ApiKind.HTTP:
            return {"security": [{TOKENS: list(scopes)}]}
        counted: dict[str, Any] = {QUOTA: []} if self.has_quotas else {}
        return {"security": [{TOKENS: [], **counted}]}

    def _native(self) -> dict[str, Any]:
        return {
            "type": "oauth2",
            "x-amazon-apigateway-authorizer": {
                "type": "jwt",
                "identitySource": "$request.header.Authorization",
                "jwtConfiguration": {
                    "issuer": self.tokens.issuer,
                    "audience": list(self.tokens.audiences),
                },
            },
        }

    def _by_function(self) -> dict[str, Any]:
        if self.authorizer is None:
            raise ValueError("tokens before a REST API need an authorizer")
        return {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {
                "type": "token",
                "authorizerUri": sub(
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/"
                    "functions/${Function}/invocations",
                    Function=self.authorizer.function_arn,
                ),
                "authorizerCredentials": self.authorizer.role_arn,
                "identityValidationExpression": _BEARER,
                "authorizerResultTtlInSeconds": KEPT_S,
            },
        }


_MIXED: Final = frozenset({"/$default", "/", "/{proxy+}", "/v2/models/{proxy+}"})
_SOURCES: Final = {Access.IAM: "identity.accountId", Access.OPEN: "identity.sourceIp"}
_SUBJECTS: Final = {Access.IAM: "identity.userArn", Access.OPEN: "identity.sourceIp"}
