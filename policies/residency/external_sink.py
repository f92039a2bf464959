"""Nothing is delivered to an address outside AWS."""

import re
from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items

_ALWAYS: Final = (
    "AWS::Events::ApiDestination",
    "AWS::Events::Connection",
    "AWS::AppFlow::",
    "AWS::Chatbot::",
    "AWS::Oam::",
    "AWS::SES::",
    "AWS::SMSVOICE::",
    "AWS::SNS::PlatformApplication",
)
"""To web servers, chat rooms, mailboxes, telephones and other accounts' monitoring."""
_SOCIAL: Final = ("Facebook", "Google", "LoginWithAmazon", "SignInWithApple")
_NAMED: Final = re.compile(r":(api-destination/\S+|states:::http:invoke)")
"""An API destination that stands in another stack; a state machine's HTTP task."""
_LOG_DRIVERS: Final = ("awslogs", None)
_INSIDE: Final = ("sqs", "lambda", "firehose")
_OUTSIDE: Final = (
    "HttpEndpointDestinationConfiguration",
    "SplunkDestinationConfiguration",
    "SnowflakeDestinationConfiguration",
    "SelfManagedEventSource",
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type.startswith(_ALWAYS):
        yield f"{resource.type} delivers outside the account, and mostly outside AWS"
    if resource.properties.get("ProviderType") in _SOCIAL:
        yield f"{resource.properties['ProviderType']} signs users in abroad"
    for protocol in _protocols(resource):
        if protocol is not None and protocol not in _INSIDE:
            yield f"protocol {protocol} delivers outside AWS; use sqs, lambda or firehose"
    for destination in _OUTSIDE:
        if resource.properties.get(destination):
            yield f"{destination} lies outside AWS"
    yield from _handed_over(resource)


def _handed_over(resource: Resource) -> Iterator[str]:
    for path, text in resource.texts:
        for found in _NAMED.findall(text):
            yield f"{path} hands over to {found}, which calls an address outside AWS"
    for container in items(resource.properties.get("ContainerDefinitions")):
        yield from _driver(container)


def _driver(container: object) -> Iterator[str]:
    driver = at(container, "LogConfiguration.LogDriver")
    if driver not in _LOG_DRIVERS:
        yield f"log driver {driver} delivers where its options say; use awslogs"


def _protocols(resource: Resource) -> list[object]:
    if not resource.type.startswith("AWS::SNS::"):
        return []
    listed = [at(item, "Protocol") for item in items(resource.properties.get("Subscription"))]
    return [resource.properties.get("Protocol"), *listed]


RULE = Rule(
    id="residency.external-sink",
    title="No sink outside AWS",
    reason=(
        "An HTTP, mail, chat or telephone delivery takes data to machines that may stand anywhere."
    ),
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
    controls=("PDPL-22", "PDPL-23", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-8.12"),
    types=(
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Cognito::UserPoolIdentityProvider",
        "AWS::Events::Rule",
        "AWS::Scheduler::Schedule",
        "AWS::StepFunctions::StateMachine",
        "AWS::ECS::TaskDefinition",
        "AWS::Lambda::EventSourceMapping",
        *(f"{prefix}*" for prefix in _ALWAYS),
    ),
    check=_check,
)
