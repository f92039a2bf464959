"""One model's service: its replicas, its releases, and where the API finds it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import Fn, Stack, Token, aws_ssm as ssm
from constructs import Construct

from catalogue.compute import Fallback, ServingEngine
from catalogue.container import ContainerService
from catalogue.gpu import GpuService as GpuSettings, Precision
from catalogue.service import Deployment as Replacement
from catalogue.spec import ModelSpec
from falaj.contract import (
    ENV_ENGINE_CACHE,
    ENV_GRPC_PORT,
    ENV_HOST,
    ENV_HTTP_PORT,
    ENV_MODEL_NAME,
    ENV_MODEL_ROOT,
    ENV_PRECISION,
    ENV_PROFILE,
    ENV_PROVIDERS,
    ENV_PUBLISHER_KEY,
    ENV_RELEASE,
    ENV_THREADS,
    GRPC_PORT,
    HTTP_PORT,
    MODEL_TAG,
    SERVER_MODEL_ROOT,
    alias_arn_parameter,
    gpu_parameter,
    gpu_service_parameter,
    key_arn_parameter,
)
from falaj.domain.publisher import PublisherKey
from infra.access import function_access, written
from infra.bundling.functions import StagedCode
from infra.bundling.image import DOCKERFILE, PROVIDERS, StagedImage, image_arguments
from infra.bundling.trees import link_tree, text_digest
from infra.config.deployment import Access, Dashboards, Deployment, Platform
from infra.config.gpu import capacity_name, replacement_of, service_zones
from infra.constructs.assets import outdir, zip_asset
from infra.constructs.dashboard import add_dashboard
from infra.constructs.function_role import sub
from infra.constructs.gpu_alarms import GpuAlarms, GpuWatched
from infra.constructs.gpu_breaker import Before, GpuBreaker, Inside
from infra.constructs.gpu_scaling import GpuScaling, Scaled
from infra.constructs.gpu_service import FARGATE, GpuService, Replacing, Running
from infra.constructs.gpu_targets import GpuTargets, Listening
from infra.constructs.gpu_task import (
    CACHE_FOLDER,
    SERVE_COMMAND,
    FargateSize,
    GpuTask,
    Server,
    Supplies,
)
from infra.constructs.gpu_triton import gate_environment, triton_server
from infra.constructs.kept_logs import KeptLogs
from infra.constructs.publisher_check import warn_of_throw_away_publisher
from infra.constructs.replica_access import ReplicaAccess
from infra.constructs.replica_records import ReplicaRecords
from infra.constructs.shared_layer import LayerReference, ssm_value
from infra.dashboards.gpu import GpuShown, gpu_board
from infra.packaging import PackagedModel
from infra.stacks.naming import (
    class_key,
    leave_bootstrap_check_to_cli,
    stack_properties,
    words_of,
)

RELEASE_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuPackage:
    """A model with everything that its service is made of.

    Attributes:
        model: The model.
        root: What its replicas serve, a zip.
        publisher: The key that signed its manifests, to which the replicas are pinned.
        image: The container's build context.
        breaker: Code of the function before the service.
        layers: What that function imports.
    """

    model: PackagedModel
    root: StagedCode
    publisher: PublisherKey
    image: StagedImage
    breaker: StagedCode
    layers: tuple[LayerReference, ...]


def has_breaker(spec: ModelSpec) -> bool:
    """Whether requests pass a function first; otherwise the API leads to the service directly."""
    return spec.compute.fallback is Fallback.LAMBDA or spec.compute.service.scaling.to_zero


class GpuModelStack(Stack):
    """A catalogue entry that runs as a service, on GPUs or without."""

    def __init__(
        self, scope: Construct, id_: str, *, deployment: Deployment, package: GpuPackage
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            package: The model with what its service is made of.
        """
        spec = package.model.spec
        super().__init__(
            scope,
            id_,
            **stack_properties(
                deployment, f"{words_of(spec)} {spec.name}", data_class=spec.data_class.value
            ),
        )
        leave_bootstrap_check_to_cli(self)
        warn_of_throw_away_publisher(self, deployment)
        self.tags.set_tag(MODEL_TAG, spec.name)
        self._deployment, self._spec, self._package = deployment, spec, package
        self._known: dict[str, str] = {}
        self._key_arn = (
            ssm_value(self, "ClassKeyArn", key_arn_parameter(class_key(spec.data_class.value)))
            if deployment.settings.logs_use_customer_key
            else None
        )
        self._cluster = self._shared("cluster")
        self._replacement = replacement_of(spec.compute.service, deployment.az_ids)
        image, repository = self._image()
        is_triton = uses_triton(spec, deployment)
        triton, triton_repository = _own_image(deployment.gpu.triton_image)
        access = ReplicaAccess.of(self, deployment, spec)
        records = ReplicaRecords.of(self, deployment)
        asking = {**access.environment, **records.environment}
        environment = (
            {**gate_environment(spec, _digests(package.model)), **asking}
            if is_triton
            else {
                **server_environment(spec, deployment),
                ENV_PUBLISHER_KEY: package.publisher.fingerprint,
                **asking,
            }
        )
        release = text_digest(
            package.image.digest,
            package.root.digest,
            self._arguments.get("BASE", ""),
            deployment.gpu.triton_image if is_triton else "",
            json.dumps(environment, sort_keys=True),
        )[:RELEASE_DIGITS]
        logs = KeptLogs(self, "Logs", settings=deployment.settings, key_arn=self._key_arn)
        records.feed(self, Audit=logs.group.ref)
        archive = zip_asset(self, package.root.folder, package.root.digest)
        task = GpuTask(
            self,
            "Task",
            server=triton_server(spec, triton, release, gate={**environment, **access.addresses})
            if is_triton
            else Server(
                image=image,
                command=SERVE_COMMAND,
                environment={**environment, **access.addresses, ENV_RELEASE: release},
                memory_mib=spec.compute.memory_mib,
                fargate=_size(spec.compute.service),
            ),
            supplies=Supplies(
                image=image,
                repository_arns=[
                    repository,
                    *([triton_repository] if is_triton else []),
                ],
                bucket=archive.bucket_name,
                key=archive.object_key,
                log_group=logs.group.ref,
                publisher=package.publisher.fingerprint,
                rights=(*access.rights, *records.rights),
            ),
            cluster=self._cluster,
        )
        alarms, service = self._service(task, release)
        self._tell({"cluster": self._cluster, "service": service.service.attr_name})
        breaker = self._breaker(service, records) if has_breaker(spec) else ""
        if deployment.dashboards is Dashboards.MODELS:
            shown = GpuShown(
                watched=alarms.watched,
                alarms=alarms.names,
                cluster=self._cluster,
                service=service.service.attr_name,
                breaker=breaker,
                docs_url=deployment.docs_url,
            )
            add_dashboard(self, gpu_board(shown))

    def _shared(self, name: str) -> str:
        """Return something that all GPU services share; a stack asks for each value once."""
        if name not in self._known:
            id_ = "".join(word.capitalize() for word in name.replace("/", "-").split("-"))
            self._known[name] = ssm_value(self, f"Shared{id_}", gpu_parameter(name))
        return self._known[name]

    def _image(self) -> tuple[str, str]:
        """Add the image to the stack's assets; return its address and its repository's ARN."""
        arguments, digest = self._arguments, self._package.image.digest
        name = f"asset.{digest[:32]}"
        link_tree(self._package.image.folder, outdir(self) / name)
        told = (digest, *arguments.values())
        location = self.synthesizer.add_docker_image_asset(
            source_hash=text_digest(*told)[:32] if arguments else digest[:32],
            directory_name=name,
            docker_file=DOCKERFILE,
            docker_build_args=arguments or None,
            platform="linux/amd64",
        )
        repository = sub(
            "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${Name}",
            Name=location.repository_name,
        )
        return location.image_uri, Token.as_string(repository)

    @property
    def _arguments(self) -> dict[str, str]:
        """What the image is built with: its packages are for a GPU, or for the engine alone."""
        compute, base = self._spec.compute, self._deployment.gpu.base_image
        if isinstance(compute.service, ContainerService):
            return image_arguments(compute.engine)
        return {"BASE": base} if base else {}

    def _service(self, task: GpuTask, release: str) -> tuple[GpuAlarms, GpuService]:
        spec, deployment = self._spec, self._deployment
        settings = spec.compute.service
        targets = GpuTargets(
            self,
            "Targets",
            model=spec.name,
            listening=Listening(
                vpc_id=self._shared("vpc-id"),
                api_listener=self._shared("api-listener"),
                grpc_listener=self._shared("grpc-listener"),
                domain=deployment.gpu.domain,
            ),
            has_two_fleets=self._replacement is not Replacement.ROLLING,
        )
        fleets = {"blue": targets.rest.blue}
        if targets.rest.green is not None:
            fleets["green"] = targets.rest.green
        alarms = GpuAlarms(
            self,
            f"Alarms{release}",
            watched=GpuWatched(
                model=spec.name,
                release=release,
                balancer=self._shared("balancer-name"),
                groups=fleets,
                timeout_s=spec.compute.timeout_s,
                queue_ms=settings.scaling.queue_ms,
                has_gpu=not isinstance(settings, ContainerService),
            ),
        )
        service = GpuService(
            self,
            "Service",
            task=task,
            targets=targets,
            running=Running(
                cluster=self._cluster,
                capacity=FARGATE
                if isinstance(settings, ContainerService)
                else self._shared(f"capacity/{capacity_name(settings)}"),
                subnet_ids=self._subnets(),
                group_id=self._shared("task-group"),
                most=settings.max_replicas,
            ),
            replacing=Replacing(how=self._replacement, plan=spec.release, alarms=alarms.names),
        )
        service.node.add_dependency(alarms)
        GpuScaling(
            self,
            "Scaling",
            scaled=Scaled(
                model=spec.name,
                cluster=self._cluster,
                service=service.service,
                settings=settings,
                words=words_of(spec),
            ),
        )
        return alarms, service

    def _subnets(self) -> list[str]:
        """Return the subnets of the zones that offer what it runs on."""
        zones = self._deployment.az_ids
        ids = Fn.split(",", self._shared("subnet-ids"))
        offering = service_zones(self._spec.compute.service, zones)
        return [Fn.select(zones.index(zone), ids) for zone in offering]

    def _breaker(self, service: GpuService, records: ReplicaRecords) -> str:
        """Put a function before the service; return its name."""
        spec, deployment = self._spec, self._deployment
        is_tls = bool(deployment.gpu.domain)
        address = self._shared("balancer-address")
        falls_back = spec.compute.fallback is Fallback.LAMBDA
        breaker = GpuBreaker(
            self,
            "Breaker",
            before=Before(
                model=spec.name,
                timeout_s=spec.compute.timeout_s,
                endpoint=f"{'https' if is_tls else 'http'}://{address}",
                server_name=deployment.gpu.domain,
                fallback_arn=ssm_value(self, "FallbackArn", alias_arn_parameter(spec.name))
                if falls_back
                else "",
                wakes=(self._cluster, service.service.attr_name)
                if spec.compute.service.scaling.to_zero
                else None,
                access=""
                if deployment.access is Access.OPEN
                else written(function_access(deployment, [spec])),
                words=words_of(spec),
            ),
            inside=Inside(
                subnet_ids=self._subnets(),
                group_id=self._shared("breaker-group"),
                key_arn=self._key_arn,
                environment=records.environment,
                rights=records.rights,
            ),
            code=self._package.breaker,
            layers=self._package.layers,
            deployment=deployment,
        )
        records.feed(self, BreakerAudit=breaker.log_group)
        self._tell({"breaker": breaker.function.attr_arn})
        return breaker.function.ref

    def _tell(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            ssm.CfnParameter(
                self,
                f"Tell{name.capitalize()}",
                type="String",
                name=gpu_service_parameter(self._spec.name, name),
                value=value,
            )


def uses_triton(spec: ModelSpec, deployment: Deployment) -> bool:
    """Whether NVIDIA's server runs; on an operator's machine our own answers in its place."""
    is_asked = spec.compute.engine is ServingEngine.TRITON
    return is_asked and deployment.platform is Platform.LAMBDA


def _digests(model: PackagedModel) -> dict[int, str]:
    return {each.manifest.version: each.manifest.sha256 for each in model.versions}


def _own_image(image: str) -> tuple[str, str]:
    """Return the address and the repository's ARN of an image in this account's registry."""
    address = sub(
        "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/${Image}", Image=image
    )
    arn = sub(
        "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${Name}",
        Name=image.partition("@")[0],
    )
    return Token.as_string(address), Token.as_string(arn)


def server_environment(spec: ModelSpec, deployment: Deployment) -> dict[str, str]:
    """Return the container's settings; built for this machine, it computes on its processor."""
    is_host = deployment.platform is Platform.HOST
    computing = (
        _on_processor(spec.compute.engine, spec.compute.service)
        if isinstance(spec.compute.service, ContainerService)
        else _on_gpu(spec.compute.service, is_host=is_host)
    )
    return {
        ENV_PROFILE: deployment.profile.value,
        ENV_MODEL_NAME: spec.name,
        ENV_MODEL_ROOT: SERVER_MODEL_ROOT,
        ENV_HOST: "0.0.0.0",  # noqa: S104 - the task's own network interface
        ENV_HTTP_PORT: str(HTTP_PORT),
        ENV_GRPC_PORT: str(GRPC_PORT),
        ENV_ENGINE_CACHE: CACHE_FOLDER,
        **computing,
    }


def _on_gpu(service: GpuSettings, *, is_host: bool) -> dict[str, str]:
    providers = ",".join(provider.value for provider in service.providers)
    return {
        ENV_PROVIDERS: "cpu" if is_host else providers,
        ENV_PRECISION: service.precision.value,
    }


def _on_processor(engine: ServingEngine, service: ContainerService) -> dict[str, str]:
    """Name the engine, its precision and its threads: each is read back before it serves."""
    return {
        ENV_PROVIDERS: PROVIDERS[engine],
        ENV_PRECISION: Precision.FP32.value,
        ENV_THREADS: str(service.vcpus),
    }


def _size(service: GpuSettings | ContainerService) -> FargateSize | None:
    if isinstance(service, ContainerService):
        return FargateSize(vcpus=service.vcpus, memory_gib=service.memory_gib)
    return None
