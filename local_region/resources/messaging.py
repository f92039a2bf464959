"""SQS queues, SNS topics and subscriptions, made in moto through boto3."""

import json
from collections.abc import Mapping
from typing import Any, Final

from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical

_QUEUE_ATTRIBUTES: Final = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)
_TOPIC_ATTRIBUTES: Final = ("ContentBasedDeduplication", "DisplayName", "FifoTopic")


def _attributes(wanted: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name in names
        if (value := wanted.get(name)) is not None
    }


async def _create_queue(resource: Declared, region: Surroundings) -> Physical:
    name = resource.properties.get("QueueName") or resource.name(80)
    url = region.aws.client("sqs").create_queue(
        QueueName=name, Attributes=_attributes(resource.properties, _QUEUE_ATTRIBUTES)
    )["QueueUrl"]
    return Physical(
        ref=url,
        attributes={"Arn": region.arn("sqs", name), "QueueName": name, "QueueUrl": url},
    )


async def _update_queue(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    region.aws.client("sqs").set_queue_attributes(
        QueueUrl=physical.ref, Attributes=_attributes(resource.properties, _QUEUE_ATTRIBUTES)
    )
    return physical


async def _delete_queue(physical: Physical, region: Surroundings) -> None:
    region.aws.client("sqs").delete_queue(QueueUrl=physical.ref)


QUEUE = Kind(
    create=_create_queue,
    update=_update_queue,
    delete=_delete_queue,
    replaced_by=frozenset({"QueueName", "FifoQueue"}),
)


async def _create_topic(resource: Declared, region: Surroundings) -> Physical:
    name = resource.properties.get("TopicName") or resource.name(256)
    client = region.aws.client("sns")
    arn = client.create_topic(
        Name=name, Attributes=_attributes(resource.properties, _TOPIC_ATTRIBUTES)
    )["TopicArn"]
    for subscription in resource.properties.get("Subscription", ()):
        client.subscribe(
            TopicArn=arn, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"]
        )
    return Physical(ref=arn, attributes={"TopicArn": arn, "TopicName": name})


async def _delete_topic(physical: Physical, region: Surroundings) -> None:
    region.aws.client("sns").delete_topic(TopicArn=physical.ref)


TOPIC = Kind(create=_create_topic, delete=_delete_topic)


async def _create_subscription(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    arn = region.aws.client("sns").subscribe(
        TopicArn=wanted["TopicArn"],
        Protocol=wanted["Protocol"],
        Endpoint=wanted["Endpoint"],
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Physical(ref=arn, attributes={"Arn": arn})


async def _delete_subscription(physical: Physical, region: Surroundings) -> None:
    region.aws.client("sns").unsubscribe(SubscriptionArn=physical.ref)


SUBSCRIPTION = Kind(
    create=_create_subscription,
    delete=_delete_subscription,
    note="Topics deliver to queues; deliveries to functions, HTTP and e-mail are not emulated.",
)
