"""Code is not told to call machines outside AWS."""

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.application import Resource, View
from policies.hidden import inner
from policies.references import outside_addresses
from policies.rule import Rule
from policies.values import at

_COMPARED: Final = re.compile(r"(?:^|[.>])issuer$")
"""A token's issuer is compared with a claim, and never called (`falaj.http.tokens`)."""
_BODIES: Final = ("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api")
_INTEGRATION: Final = "x-amazon-apigateway-integration"
_HOLDERS: Final = ("AWS::ApiGateway::Method", "AWS::ApiGatewayV2::Integration")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type in (*_BODIES, *_HOLDERS):
        yield from _integrations(resource)
        return
    for path, text in resource.texts:
        if ":" not in text or _COMPARED.search(path) or _is_document(text):
            continue
        for host in outside_addresses(text):
            yield f"{path} is an address at {host}, outside AWS"


def _is_document(text: str) -> bool:
    """Whether a text is JSON, whose values are among the resource's texts themselves."""
    return any(notation == "json" for notation, _ in inner(text))


def _integrations(resource: Resource) -> Iterator[str]:
    """Look at what API Gateway calls: its document has links to read as well."""
    for place, integration in _called(resource):
        kind = at(integration, "connectionType") or at(integration, "ConnectionType")
        uris = [at(integration, key) for key in ("uri", "Uri", "IntegrationUri")]
        for host in outside_addresses(" ".join(map(str, filter(None, uris)))):
            if kind != "VPC_LINK":  # through a link, the address only names a host behind it
                yield f"{place} calls {host}, outside AWS"


def _called(resource: Resource) -> Iterator[tuple[str, Any]]:
    if resource.type in _HOLDERS:
        yield "it", {**(at(resource.properties, "Integration") or {}), **resource.properties}
    for path, methods in (at(resource.properties, "Body.paths") or {}).items():
        for method, operation in methods.items():
            yield f"{method} {path}", at(operation, _INTEGRATION)


RULE = Rule(
    id="residency.external-address",
    title="No address outside AWS is called",
    reason=(
        "Monitoring services, model APIs and webhooks take what they are sent to wherever they "
        "stand; a setting with their address is how it begins."
    ),
    source=(
        "https://owasp.org/www-project-top-10-ci-cd-security-risks/"
        "CICD-SEC-08-Ungoverned-Usage-of-3rd-Party-Services"
    ),
    controls=("PDPL-22", "PDPL-23", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-8.12"),
    types=(
        *_BODIES,
        *_HOLDERS,
        "AWS::AppSync::DataSource",
        "AWS::AutoScaling::LaunchConfiguration",
        "AWS::Batch::JobDefinition",
        "AWS::EC2::Instance",
        "AWS::EC2::LaunchTemplate",
        "AWS::ECS::TaskDefinition",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Lambda::Function",
        "AWS::SSM::Association",
        "AWS::SSM::Document",
        "AWS::SSM::Parameter",
        "AWS::Scheduler::Schedule",
        "AWS::StepFunctions::StateMachine",
    ),
    check=_check,
)
