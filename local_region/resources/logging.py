"""Subscriptions to what functions print."""

from typing import Final

from local_region.logs.filter_pattern import FilterPattern, FilterPatternError
from local_region.logs.subscriptions import PRINCIPAL, Subscription, TooManySubscriptionsError
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical

_KNOWN: Final = frozenset({"DestinationArn", "FilterName", "FilterPattern", "LogGroupName"})


async def _put(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    unknown = sorted(wanted.keys() - _KNOWN)
    if unknown:
        raise resource.error(f"the properties {', '.join(unknown)} are not known here")
    group, destination = wanted["LogGroupName"], wanted["DestinationArn"]
    source = f"{region.arn('logs', f'log-group:{group}')}:*"
    if not region.permissions.allows(
        function_arn=destination, principal=PRINCIPAL, source_arn=source
    ):
        raise resource.error(
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs "
            f"permission to execute your function (principal {PRINCIPAL}, source {source})."
        )
    name = wanted.get("FilterName") or resource.name()
    try:
        region.control.subscriptions.put(
            Subscription(
                name=name,
                log_group=group,
                pattern=FilterPattern(wanted["FilterPattern"]),
                destination_arn=destination,
            )
        )
    except (FilterPatternError, TooManySubscriptionsError) as error:
        raise resource.error(str(error)) from error
    return Physical(ref=name, attributes={"LogGroupName": group})


async def _update(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put(resource, region)


async def _delete(physical: Physical, region: Surroundings) -> None:
    region.control.subscriptions.remove(physical.attributes["LogGroupName"], physical.ref)


SUBSCRIPTION_FILTER: Final = Kind(
    create=_put,
    update=_update,
    delete=_delete,
    replaced_by=frozenset({"FilterName", "LogGroupName"}),
    note="Subscription filters deliver lines of functions, by JSON patterns, to functions; "
    "streams, Firehose and patterns of words are not carried out.",
)
