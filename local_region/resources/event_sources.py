"""Event source mappings, of queues."""

import hashlib
import uuid
from typing import Final

from local_region.events.queue_mappings import MOST_PER_CALL, QueueMapping
from local_region.resources.functions import name_of, refused
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical

REPORTS: Final = "ReportBatchItemFailures"
CONCURRENCIES: Final = range(2, 1001)
"""Source: docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/
aws-properties-lambda-eventsourcemapping-scalingconfig.html, read 2026-11-22."""
_KNOWN: Final = frozenset(
    {
        "BatchSize",
        "Enabled",
        "EventSourceArn",
        "FunctionName",
        "FunctionResponseTypes",
        "ScalingConfig",
        "Tags",
    }
)


async def _create(resource: Declared, region: Surroundings) -> Physical:
    digest = hashlib.sha256(f"{resource.account}/{resource.name()}".encode()).digest()
    identifier = str(uuid.UUID(bytes=digest[:16], version=4))
    return await _put(identifier, resource, region)


async def _put(identifier: str, resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    mapping = _mapping(resource, region)
    _check_times(mapping, resource, region)
    is_on = wanted.get("Enabled", True) in {True, "true"}
    region.control.queues.put(identifier, mapping if is_on else None)
    arn = region.arn("lambda", f"event-source-mapping:{identifier}")
    return Physical(ref=identifier, attributes={"Id": identifier, "EventSourceMappingArn": arn})


def _mapping(resource: Declared, region: Surroundings) -> QueueMapping:
    wanted = resource.properties
    if unknown := sorted(wanted.keys() - _KNOWN):
        raise resource.error(f"{', '.join(unknown)} is not carried out here")
    source = str(wanted["EventSourceArn"])
    if ":sqs:" not in source or source.endswith(".fifo"):
        raise resource.error(f"only standard queues are event sources here, not {source}")
    batch_size = int(wanted.get("BatchSize", MOST_PER_CALL))
    if not 1 <= batch_size <= MOST_PER_CALL:
        raise resource.error(
            f"BatchSize is {batch_size}; without a batching window Lambda takes 1 to "
            f"{MOST_PER_CALL}, and windows are not carried out here"
        )
    most = (wanted.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if most is not None and int(most) not in CONCURRENCIES:
        raise resource.error(f"MaximumConcurrency is {most}; Lambda takes 2 to 1000")
    return QueueMapping(
        queue_arn=source,
        function_arn=_function_arn(str(wanted["FunctionName"]), region),
        region=region.region,
        batch_size=batch_size,
        maximum_concurrency=None if most is None else int(most),
        reports_failures=REPORTS in wanted.get("FunctionResponseTypes", ()),
    )


def _function_arn(name: str, region: Surroundings) -> str:
    return name if name.startswith("arn:") else region.arn("lambda", f"function:{name}")


def _check_times(mapping: QueueMapping, resource: Declared, region: Surroundings) -> None:
    """Refuse a function that may work longer than its messages stay hidden, as Lambda does.

    Source:
        docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html ("will return an error if
        the function timeout exceeds the queue's visibility timeout"), read 2026-11-22.
    """
    client = region.aws.client("sqs")
    url = client.get_queue_url(QueueName=mapping.queue)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    hidden_s = int(found["Attributes"]["VisibilityTimeout"])
    with refused(resource):
        function = region.functions.get_function(name_of(mapping.function_arn))
    timeout_s = function.settings.timeout_s
    if timeout_s > hidden_s:
        raise resource.error(
            f"Queue visibility timeout: {hidden_s} seconds is less than Function timeout: "
            f"{timeout_s} seconds"
        )


async def _update(physical: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put(physical.ref, resource, region)


async def _delete(physical: Physical, region: Surroundings) -> None:
    region.control.queues.put(physical.ref, None)


EVENT_SOURCE_MAPPING: Final = Kind(
    create=_create,
    update=_update,
    delete=_delete,
    replaced_by=frozenset({"EventSourceArn"}),
    note="Standard queues feed functions in batches of up to ten; batching windows, filters, "
    "provisioned pollers and other sources are refused. Queues keep the machine's time, "
    "whatever a rehearsal's clock says.",
)
