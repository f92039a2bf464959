"""Nothing is delivered to an address outside AWS."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, items

_ALWAYS: Final = ("AWS::Events::ApiDestination", "AWS::Events::Connection", "AWS::AppFlow::Flow")
_INSIDE: Final = ("sqs", "lambda", "firehose")
_OUTSIDE: Final = (
    "HttpEndpointDestinationConfiguration",
    "SplunkDestinationConfiguration",
    "SnowflakeDestinationConfiguration",
)


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if resource.type in _ALWAYS:
        yield f"{resource.type} delivers outside AWS"
    protocols = [
        resource.properties.get("Protocol"),
        *(at(item, "Protocol") for item in items(resource.properties.get("Subscription"))),
    ]
    for protocol in protocols:
        if protocol is not None and protocol not in _INSIDE:
            yield f"protocol {protocol} delivers outside AWS; use sqs, lambda or firehose"
    for destination in _OUTSIDE:
        if resource.properties.get(destination):
            yield f"{destination} delivers outside AWS"


RULE = Rule(
    id="residency.external-sink",
    title="No sink outside AWS",
    reason=(
        "An HTTP, mail or telephone subscription delivers data to machines that may stand anywhere."
    ),
    source="https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
    controls=("PDPL-22", "PDPL-23", "HEALTH-13", "CBUAE-6.1", "CBUAE-6.3", "ISO-8.12"),
    types=(
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Events::ApiDestination",
        "AWS::Events::Connection",
        "AWS::AppFlow::Flow",
        "AWS::Scheduler::Schedule",
    ),
    check=_check,
)
