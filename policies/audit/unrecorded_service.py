"""Whatever answers for a model under the enterprise's profile leaves auditors its records.

A record begins as a line in a log: whoever writes it has tenants' keys to name callers by, and the
line's log group feeds the recorder.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from falaj.contract import ENV_CAPTURE, ENV_MODEL_NAME, PROFILE_TAG
from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at

_SERVICE: Final = "AWS::ECS::Service"
_TASK: Final = "AWS::ECS::TaskDefinition"
_FEED: Final = "AWS::Logs::SubscriptionFilter"


def _check(resource: Resource, view: View) -> Iterator[str]:
    if view.stack.tags.get(PROFILE_TAG) != "enterprise":
        return
    if resource.type == _SERVICE:
        for container in _answering(resource, view):
            yield from _faults(
                f"container {container.get('Name')!r}",
                {str(each.get("Name")) for each in container.get("Environment") or ()},
                at(container, "LogConfiguration.Options.awslogs-group"),
                view,
            )
    else:
        names = at(resource.properties, "Environment.Variables")
        if isinstance(names, dict) and ENV_MODEL_NAME in names:
            group = at(resource.properties, "LoggingConfig.LogGroup")
            yield from _faults("it", set(names), group, view)


def _answering(service: Resource, view: View) -> Iterator[Mapping[str, Any]]:
    """Yield the containers whose ports balancers know."""
    named = {each.get("ContainerName") for each in service.properties.get("LoadBalancers") or ()}
    for task in view.of_type(_TASK):
        for container in task.properties.get("ContainerDefinitions") or ():
            if container.get("Name") in named:
                yield container


def _faults(who: str, settings: set[str], group: object, view: View) -> Iterator[str]:
    if ENV_CAPTURE not in settings:
        yield f"{who} answers and leaves no record: it has no {ENV_CAPTURE}"
    if not any(feed.properties.get("LogGroupName") == group for feed in view.of_type(_FEED)):
        yield f"the log of {who} feeds no recorder"


RULE = Rule(
    id="audit.unrecorded-service",
    title="Whatever answers for a model leaves records",
    reason=(
        "A request that leaves no record was never asked: nobody can say who had which answer of "
        "which model."
    ),
    source=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"),
    controls=("ISO-8.15", "ISO-8.16", "IAR-T3"),
    types=(_SERVICE, "AWS::Lambda::Function"),
    check=_check,
)
