"""One replica: models are put in place, then the server runs, alone with its GPU or its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aws_cdk import Token, aws_ecs as ecs, aws_iam as iam
from constructs import Construct

from falaj.contract import (
    ENV_MODEL_ARCHIVE,
    ENV_MODEL_ROOT,
    ENV_PUBLISHER_KEY,
    FETCH_CONTAINER,
    GATE_CONTAINER,
    GRPC_PORT,
    HTTP_PORT,
    SERVER_CONTAINER,
    SERVER_MODEL_ROOT,
)
from infra.constructs.bounded_role import bounded_role
from infra.constructs.function_role import allow, sub
from infra.constructs.gpu_targets import DRAIN_S

STOP_S: Final = DRAIN_S + 10
"""After how long ECS kills what did not stop; the container has drained before."""

CACHE_FOLDER: Final = "/cache"
USER: Final = "10001"
"""The image's own (gpu_endpoints/Dockerfile)."""
FETCH_MIB: Final = 512
SCRATCH_MIB: Final = 256

BEATS_CONTAINER: Final = "beats"
BEATS_MIB: Final = 128
BEATS_COMMAND: Final = ("python", "-m", "gpu_endpoints.triton_beats")
GATE_MIB: Final = 256
GATE_COMMAND: Final = ("python", "-m", "gpu_endpoints.gate")
FETCH_COMMAND: Final = ("python", "-m", "gpu_endpoints.fetch")
SERVE_COMMAND: Final = ("python", "-m", "gpu_endpoints.serve")
_IS_ALIVE: Final = (
    "import urllib.request as r; "
    f"r.urlopen('http://127.0.0.1:{HTTP_PORT}/v2/health/live', timeout=2)"
)
HEALTH_COMMAND: Final = ("CMD", "python", "-c", _IS_ALIVE)

_MODELS: Final = "models"
_CACHE: Final = "cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class FargateSize:
    """What a task has for itself where no machine is ours.

    Attributes:
        vcpus: Its processors.
        memory_gib: Its memory, which all its containers share.
    """

    vcpus: int
    memory_gib: int

    @property
    def cpu(self) -> str:
        """Its processors, in CPU units."""
        return str(1024 * self.vcpus)

    @property
    def memory(self) -> str:
        """Its memory, in MiB."""
        return str(1024 * self.memory_gib)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What runs.

    Attributes:
        image: The server's image.
        command: Its command.
        environment: Its settings.
        health: How Docker asks for its health.
        memory_mib: Memory that is kept for it on a machine that it may share.
        fargate: Size of the task that Fargate runs it in; None on a machine with a GPU.
        is_read_only: Whether it can do without writing to its own file system.
        beats: Settings of the container that tells metrics of a server that does not tell them
            itself; empty where it does.
        gate: Settings of the container before a server that asks nobody and records nothing;
            empty where it does both.
    """

    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    health: Sequence[str] = HEALTH_COMMAND
    memory_mib: int = 1769
    fargate: "FargateSize | None" = None
    is_read_only: bool = True
    beats: Mapping[str, str] = field(default_factory=dict)
    gate: Mapping[str, str] = field(default_factory=dict)

    @property
    def answering(self) -> str:
        """The container whose ports balancers know."""
        return GATE_CONTAINER if self.gate else SERVER_CONTAINER


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    """What a replica needs before it serves.

    Attributes:
        image: The container image of this repository, which fetches.
        repository_arns: Registries' repositories that the images are in.
        bucket: Bucket of the archive.
        key: Key of the archive, a zip of a model root.
        log_group: Where all write.
        publisher: Fingerprint that manifests are checked against before any server sees them; the
            image's own default believes nobody.
        rights: What else a replica may do.
    """

    image: str
    repository_arns: Sequence[str]
    bucket: str
    key: str
    log_group: str
    publisher: str
    rights: Sequence[dict[str, Any]] = ()


class GpuTask(Construct):
    """A task definition with the two roles it needs.

    Attributes:
        definition: The task definition.
        answering: The container whose ports balancers know.
    """

    def __init__(
        self, scope: Construct, id_: str, *, server: Server, supplies: Supplies, cluster: str
    ) -> None:
        """Make the task definition.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            server: What runs.
            supplies: What it needs before.
            cluster: Name of the cluster.
        """
        super().__init__(scope, id_)
        self._log_group, self.answering = supplies.log_group, server.answering
        self._size = server.fargate
        self.definition = ecs.CfnTaskDefinition(
            self,
            "Resource",
            network_mode="awsvpc",
            requires_compatibilities=["FARGATE" if self._size else "EC2"],
            cpu=self._size.cpu if self._size else None,
            memory=self._size.memory if self._size else None,
            runtime_platform=ecs.CfnTaskDefinition.RuntimePlatformProperty(
                cpu_architecture="X86_64", operating_system_family="LINUX"
            ),
            execution_role_arn=_role(self, "Starts", _start_rights(supplies)).attr_arn,
            task_role_arn=_role(self, "Does", _own_rights(supplies, cluster)).attr_arn,
            volumes=[self._volume(name) for name in (_MODELS, _CACHE)],
            container_definitions=[
                self._fetch(supplies),
                self._serve(server),
                *([self._gate(server, supplies)] if server.gate else []),
                *([self._beat(server, supplies)] if server.beats else []),
            ],
        )

    def _volume(self, name: str) -> ecs.CfnTaskDefinition.VolumeProperty:
        """Name a folder that the task's containers share, and that ends with it."""
        kinds = ecs.CfnTaskDefinition
        host = None if self._size else kinds.HostVolumePropertiesProperty()
        return kinds.VolumeProperty(name=name, host=host)

    def _fetch(self, supplies: Supplies) -> ecs.CfnTaskDefinition.ContainerDefinitionProperty:
        archive = sub("s3://${Bucket}/${Key}", Bucket=supplies.bucket, Key=supplies.key)
        return self._container(
            FETCH_CONTAINER,
            image=supplies.image,
            command=FETCH_COMMAND,
            environment={
                ENV_MODEL_ARCHIVE: Token.as_string(archive),
                ENV_MODEL_ROOT: SERVER_MODEL_ROOT,
                ENV_PUBLISHER_KEY: supplies.publisher,
            },
            essential=False,
            kept_mib=FETCH_MIB,
            readonly_root_filesystem=True,
            # Whoever mounts a volume first gives it its owner: this image's user.
            mount_points=[
                _mount(_MODELS, SERVER_MODEL_ROOT, is_read_only=False),
                _mount(_CACHE, CACHE_FOLDER, is_read_only=False),
            ],
        )

    def _beat(
        self, server: Server, supplies: Supplies
    ) -> ecs.CfnTaskDefinition.ContainerDefinitionProperty:
        return self._container(
            BEATS_CONTAINER,
            image=supplies.image,
            command=BEATS_COMMAND,
            environment=server.beats,
            essential=False,
            kept_mib=BEATS_MIB,
            readonly_root_filesystem=True,
            restart_policy=ecs.CfnTaskDefinition.RestartPolicyProperty(enabled=True),
            depends_on=[_after(SERVER_CONTAINER, "START")],
        )

    def _gate(
        self, server: Server, supplies: Supplies
    ) -> ecs.CfnTaskDefinition.ContainerDefinitionProperty:
        """Stand before the server: it starts after it, and stops and drains before it.

        Whether it should get requests follows the server's own word, so it need not wait for it.

        Source:
            docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html ("When a
            dependency is defined for container startup, for container shutdown it is reversed").
        """
        kinds = ecs.CfnTaskDefinition
        return self._container(
            GATE_CONTAINER,
            image=supplies.image,
            command=GATE_COMMAND,
            environment=server.gate,
            essential=True,
            kept_mib=GATE_MIB,
            readonly_root_filesystem=True,
            stop_timeout=STOP_S,
            port_mappings=_ports(),
            depends_on=[_after(SERVER_CONTAINER, "START")],
            health_check=kinds.HealthCheckProperty(
                command=list(HEALTH_COMMAND), interval=30, timeout=5, retries=3, start_period=30
            ),
        )

    def _serve(self, server: Server) -> ecs.CfnTaskDefinition.ContainerDefinitionProperty:
        kinds = ecs.CfnTaskDefinition
        return self._container(
            SERVER_CONTAINER,
            image=server.image,
            command=server.command,
            environment=server.environment,
            essential=True,
            kept_mib=server.memory_mib,
            readonly_root_filesystem=server.is_read_only,
            stop_timeout=STOP_S,
            **({} if server.gate else {"port_mappings": _ports()}),
            resource_requirements=None
            if self._size
            else [kinds.ResourceRequirementProperty(type="GPU", value="1")],
            depends_on=[_after(FETCH_CONTAINER, "SUCCESS")],
            # Warming up, and TensorRT's building, come before the first answer: ten minutes in all.
            # Whether it should get requests is the balancer's to ask, every five seconds.
            health_check=kinds.HealthCheckProperty(
                command=list(server.health), interval=30, timeout=5, retries=10, start_period=300
            ),
            mount_points=[
                _mount(_MODELS, SERVER_MODEL_ROOT, is_read_only=True),
                _mount(_CACHE, CACHE_FOLDER, is_read_only=False),
            ],
        )

    def _container(
        self,
        name: str,
        *,
        image: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        kept_mib: int,
        **further: Any,  # noqa: ANN401 - the definition's own properties
    ) -> ecs.CfnTaskDefinition.ContainerDefinitionProperty:
        kinds = ecs.CfnTaskDefinition
        return kinds.ContainerDefinitionProperty(
            name=name,
            image=image,
            command=list(command),
            environment=[
                kinds.KeyValuePairProperty(name=key, value=value)
                for key, value in sorted(environment.items())
            ],
            user=USER,
            # Fargate knows neither: a task has its memory, and no host, for itself.
            memory_reservation=None if self._size else kept_mib,
            privileged=None if self._size else False,
            linux_parameters=kinds.LinuxParametersProperty(
                init_process_enabled=True,
                capabilities=kinds.KernelCapabilitiesProperty(drop=["ALL"]),
                tmpfs=[kinds.TmpfsProperty(container_path="/tmp", size=SCRATCH_MIB)],  # noqa: S108
            ),
            log_configuration=kinds.LogConfigurationProperty(
                log_driver="awslogs",
                options={
                    "awslogs-group": self._log_group,
                    "awslogs-region": Token.as_string({"Ref": "AWS::Region"}),
                    "awslogs-stream-prefix": name,
                    # A log that cannot be delivered must not stop answers.
                    "mode": "non-blocking",
                    "max-buffer-size": "8m",
                },
            ),
            **further,
        )


def _ports() -> list[ecs.CfnTaskDefinition.PortMappingProperty]:
    return [
        ecs.CfnTaskDefinition.PortMappingProperty(container_port=port, protocol="tcp")
        for port in (HTTP_PORT, GRPC_PORT)
    ]


def _after(container: str, condition: str) -> ecs.CfnTaskDefinition.ContainerDependencyProperty:
    """What another container must have come to before one begins."""
    return ecs.CfnTaskDefinition.ContainerDependencyProperty(
        container_name=container, condition=condition
    )


def _mount(
    volume: str, path: str, *, is_read_only: bool
) -> ecs.CfnTaskDefinition.MountPointProperty:
    return ecs.CfnTaskDefinition.MountPointProperty(
        source_volume=volume, container_path=path, read_only=is_read_only
    )


def tasks_trust() -> dict[str, Any]:
    """Write the policy by which this account's tasks may take a role, and nobody else's.

    Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": sub("${AWS::AccountId}")}},
            }
        ],
    }


def _role(scope: Construct, id_: str, statements: list[dict[str, Any]]) -> iam.CfnRole:
    return bounded_role(scope, id_, trusted=tasks_trust(), statements=statements)


def _start_rights(supplies: Supplies) -> list[dict[str, Any]]:
    """What ECS does for the replica: pull its images, open its log.

    Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html.
    """
    streams = sub(
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}:*",
        Group=supplies.log_group,
    )
    pull = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    ]
    return [
        allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Pull", pull, list(supplies.repository_arns)),
        allow("WriteOwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams]),
    ]


def _own_rights(supplies: Supplies, cluster: str) -> list[dict[str, Any]]:
    """What the replica does itself: read its models, and ask not to be stopped while it works.

    Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html.
    """
    archive = sub(
        "arn:${AWS::Partition}:s3:::${Bucket}/${Key}", Bucket=supplies.bucket, Key=supplies.key
    )
    tasks = sub(
        "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Cluster}/*",
        Cluster=cluster,
    )
    return [
        allow("ReadModels", ["s3:GetObject"], [archive]),
        allow("ProtectItself", ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], [tasks]),
        *supplies.rights,
    ]
