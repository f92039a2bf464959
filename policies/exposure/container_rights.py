"""A container has its own user, and nothing of the host."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.values import at, is_off, items

_ROOT: Final = ("", "0", "root")
_HOST: Final = ("NetworkMode", "PidMode", "IpcMode")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    for key in _HOST:
        if resource.properties.get(key) == "host":
            yield f"{key} is host"
    for volume in items(resource.properties.get("Volumes")):
        if at(volume, "Host.SourcePath"):
            yield f"volume {at(volume, 'Name')} is the host's {at(volume, 'Host.SourcePath')}"
    for container in items(resource.properties.get("ContainerDefinitions")):
        name = at(container, "Name")
        if not is_off(at(container, "Privileged")):
            yield f"container {name} is privileged"
        if str(at(container, "User") or "").partition(":")[0] in _ROOT:
            yield f"container {name} runs as root, or as whoever its image says; write User"


RULE = Rule(
    id="exposure.container-rights",
    title="No container with the host's rights",
    reason=(
        "Whoever breaks out of a process that is root, privileged or shares the host's network "
        "has the machine and every other container on it."
    ),
    source=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html"
    ),
    controls=("ISO-8.2", "ISO-8.22", "IAR-T5"),
    types=("AWS::ECS::TaskDefinition",),
    check=_check,
)
