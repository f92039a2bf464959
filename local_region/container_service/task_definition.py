"""Task definitions and services as values, read from their CloudFormation properties.

Source:
    docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html (dependsOn,
    essential, stopTimeout: 30 s by default) and …/AWSCloudFormation/latest/TemplateReference/
    aws-resource-ecs-service.html, read 2026-11-22.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from local_region.container_service.strategy import Strategy

STOP_S: Final = 30.0
_CONDITIONS: Final = frozenset({"START", "COMPLETE", "SUCCESS", "HEALTHY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerDefinition:
    """One container of a task.

    Attributes:
        name: Unique in the task.
        image: The image's name, with its tag.
        command: What runs instead of the image's own command; empty for that.
        environment: Variables on top of the image's.
        ports: Ports it listens on.
        mounts: Container path by volume name.
        after: Containers that come first, and what of them is waited for.
        is_essential: Whether its end is the task's.
        stop_timeout_s: From SIGTERM to SIGKILL.
        log_group: Where CloudWatch Logs keeps what it writes; empty for nowhere.
    """

    name: str
    image: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    mounts: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    is_essential: bool = True
    stop_timeout_s: float = STOP_S
    log_group: str = ""

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """Read one of `ContainerDefinitions`.

        Raises:
            ValueError: It asks for what is not known here.
        """
        after = {
            item["ContainerName"]: item.get("Condition", "START")
            for item in properties.get("DependsOn", ())
        }
        unknown = sorted(set(after.values()) - _CONDITIONS)
        if unknown:
            raise ValueError(f"container {properties['Name']!r}: DependsOn {unknown[0]} is unknown")
        return cls(
            name=properties["Name"],
            image=str(properties["Image"]),
            command=(
                *map(str, properties.get("EntryPoint") or ()),
                *map(str, properties.get("Command") or ()),
            ),
            environment={
                item["Name"]: str(item["Value"]) for item in properties.get("Environment", ())
            },
            ports=tuple(int(p["ContainerPort"]) for p in properties.get("PortMappings", ())),
            mounts={
                m["SourceVolume"]: m["ContainerPath"] for m in properties.get("MountPoints", ())
            },
            after=after,
            is_essential=properties.get("Essential", True) in {True, "true"},
            stop_timeout_s=float(properties.get("StopTimeout", STOP_S)),
            log_group=_log_group(properties.get("LogConfiguration") or {}),
        )


def _log_group(configuration: Mapping[str, Any]) -> str:
    """Return what the driver `awslogs` is told; other drivers lead elsewhere.

    Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html.
    """
    if configuration.get("LogDriver") != "awslogs":
        return ""
    return str((configuration.get("Options") or {}).get("awslogs-group", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """One revision of a task definition.

    Attributes:
        arn: Its ARN.
        containers: What runs.
        host_volumes: Volumes that are folders of the machine; others are the task's own.
    """

    arn: str
    containers: tuple[ContainerDefinition, ...]
    host_volumes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, arn: str) -> Self:
        """Read `AWS::ECS::TaskDefinition`.

        Raises:
            ValueError: It asks for what is not known here.
        """
        containers = tuple(
            ContainerDefinition.from_properties(item) for item in properties["ContainerDefinitions"]
        )
        volumes = {
            item["Name"]: (item.get("Host") or {}).get("SourcePath")
            for item in properties.get("Volumes", ())
        }
        return cls(
            arn=arn,
            containers=containers,
            host_volumes={name: str(path) for name, path in volumes.items() if path},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which port of which container is a target of which group."""

    container: str
    port: int
    group_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Where a service's tasks are found.

    Attributes:
        container: Whose port it is.
        port: The port.
        group_arn: Target group of the first tasks.
        alternate_arn: Target group of the next release's; then they take turns. Empty without.
        rule_arn: Rule of a listener whose weights say how much each group is asked.
    """

    container: str
    port: int
    group_arn: str
    alternate_arn: str = ""
    rule_arn: str = ""

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Self:
        """Read one of `LoadBalancers`.

        Raises:
            ValueError: It asks for what is not known here.
        """
        advanced = properties.get("AdvancedConfiguration") or {}
        if advanced.get("TestListenerRule"):
            raise ValueError("rules for test traffic are not known here")
        return cls(
            container=properties["ContainerName"],
            port=int(properties["ContainerPort"]),
            group_arn=properties["TargetGroupArn"],
            alternate_arn=advanced.get("AlternateTargetGroupArn", ""),
            rule_arn=advanced.get("ProductionListenerRule", ""),
        )

    def place(self, *, is_alternate: bool) -> Place:
        """Return where a task of one side is registered."""
        group = self.alternate_arn if is_alternate and self.alternate_arn else self.group_arn
        return Place(container=self.container, port=self.port, group_arn=group)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """A service's settings.

    Attributes:
        arn: Its ARN, `…:service/<cluster>/<name>`.
        task_definition_arn: What it runs.
        desired_count: How many tasks.
        minimum_healthy_percent: Of the desired count, kept running while tasks are replaced.
        maximum_percent: Of the desired count, at most running at a time.
        grace_s: How long after its start a task's failed checks are passed over.
        registrations: Its target groups.
        has_breaker: Whether a deployment whose tasks do not live is given up.
        rolls_back: Whether the last good deployment then comes back.
        strategy: How a release replaces another.
        is_runnable: Whether its images are such that a process can stand for them here.
        capacity_provider: Whose machines its tasks run on; empty for anybody's.
        subnets: Where they run.
    """

    arn: str
    task_definition_arn: str
    desired_count: int = 1
    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    grace_s: float = 0
    registrations: tuple[Registration, ...] = ()
    has_breaker: bool = False
    rolls_back: bool = False
    strategy: Strategy = field(default_factory=Strategy)
    is_runnable: bool = True
    capacity_provider: str = ""
    subnets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.strategy.is_shifting and not all(r.alternate_arn for r in self.registrations):
            raise ValueError(f"{self.strategy.name} needs an AlternateTargetGroupArn everywhere")

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any], *, arn: str) -> Self:
        """Read `AWS::ECS::Service`.

        Raises:
            ValueError: It asks for what is not known here.
        """
        deployment = properties.get("DeploymentConfiguration") or {}
        breaker = deployment.get("DeploymentCircuitBreaker") or {}
        return cls(
            arn=arn,
            task_definition_arn=properties["TaskDefinition"],
            desired_count=int(properties.get("DesiredCount", 1)),
            minimum_healthy_percent=int(deployment.get("MinimumHealthyPercent", 100)),
            maximum_percent=int(deployment.get("MaximumPercent", 200)),
            grace_s=float(properties.get("HealthCheckGracePeriodSeconds", 0)),
            registrations=tuple(
                Registration.from_properties(item) for item in properties.get("LoadBalancers", ())
            ),
            strategy=Strategy.from_properties(deployment),
            has_breaker=breaker.get("Enable") in {True, "true"},
            rolls_back=breaker.get("Rollback") in {True, "true"},
            capacity_provider=_provider(properties),
            subnets=_subnets(properties),
        )

    @property
    def name(self) -> str:
        """The service's own name."""
        return self.arn.rpartition("/")[2]

    @property
    def resource_id(self) -> str:
        """What Application Auto Scaling calls it: `service/<cluster>/<name>`."""
        return self.arn.rpartition(":")[2]


def _provider(properties: Mapping[str, Any]) -> str:
    """Return the capacity provider with a weight; the first, where there are several."""
    given = properties.get("CapacityProviderStrategy") or ()
    return next((str(item["CapacityProvider"]) for item in given), "")


def _subnets(properties: Mapping[str, Any]) -> tuple[str, ...]:
    network = (properties.get("NetworkConfiguration") or {}).get("AwsvpcConfiguration") or {}
    return tuple(map(str, network.get("Subnets") or ()))
