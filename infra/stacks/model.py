"""One model: its function, the release it wants, and where the others find it."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from aws_cdk import Fn, Stack, aws_ssm as ssm
from constructs import Construct

from catalogue.release import ReleasePlan
from catalogue.spec import DataClass
from falaj.contract import (
    CAPTURE_KEYS_ROOT,
    DRIFT_RECORDER_PARAMETER,
    ENV_ACCESS,
    ENV_CAPTURE,
    ENV_DRIFT,
    ENV_EXPERIMENTS,
    ENV_MODEL_NAME,
    ENV_MODEL_S3_PREFIX,
    ENV_MODEL_VERSION,
    ENV_PROFILE,
    ENV_PSEUDONYM_KEY,
    ENV_PUBLISHER_KEY,
    ENV_SHADOW_PARAMETER,
    ENV_THREADS,
    PSEUDONYM_KEY_ALIAS,
    RECORDER_ARN_PARAMETER,
    RECORDER_PARAMETER,
    alias_arn_parameter,
    declared_experiments_parameter,
    desired_release_parameter,
    experiments_parameter,
    key_arn_parameter,
    shadow_parameter,
)
from falaj.domain.plan import PlanKind
from falaj.domain.release import DesiredRelease
from falaj.experiments.declared import Declared
from infra.access import function_access, written
from infra.config.deployment import Access, Dashboards, Deployment
from infra.constructs.audit_recorder import AuditSubscription, capture_rights
from infra.constructs.capacity_alarm import CapacityAlarm
from infra.constructs.dashboard import add_dashboard
from infra.constructs.drift_watch import DriftSubscription
from infra.constructs.exposure_subscription import ExposureSubscription, assignment_rights
from infra.constructs.far_bytes import read_bytes, upload
from infra.constructs.function_role import FunctionAccess, allow
from infra.constructs.inference_function import InferenceFunction
from infra.constructs.publisher_check import warn_of_throw_away_publisher
from infra.constructs.quota_access import QuotaAccess
from infra.constructs.release_alarms import ReleaseAlarms
from infra.constructs.shadow import Shadow
from infra.constructs.shared_layer import LayerReference, ssm_value
from infra.constructs.watched_release import Watched
from infra.dashboards.model import Shown, model_board
from infra.packaging import ModelPackage
from infra.stacks.naming import (
    DATA_KEY,
    class_key,
    leave_bootstrap_check_to_cli,
    stack_properties,
)

_FUNCTION: Final = "${Function}"
_RELEASE: Final = "${Release}"


class ModelStack(Stack):
    """A catalogue entry that runs on Lambda."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployment: Deployment,
        package: ModelPackage,
        layers: tuple[LayerReference, ...],
    ) -> None:
        """Make the stack.

        Args:
            scope: The application.
            id_: The stack's name.
            deployment: Profile, platform and place.
            package: The model with its staged code.
            layers: What the function imports.
        """
        spec = package.model.spec
        super().__init__(
            scope,
            id_,
            **stack_properties(deployment, f"model {spec.name}", data_class=spec.data_class.value),
        )
        leave_bootstrap_check_to_cli(self)
        warn_of_throw_away_publisher(self, deployment)
        key_arn = _key(self, deployment, spec.data_class)
        far_bucket = upload(self, package) if package.far_prefix else None
        experiments = package.model.experiments
        quotas = QuotaAccess.of(self, deployment, model=spec.name)
        statements = [
            *(assignment_rights(self, spec.name) if package.model.is_sticky else ()),
            *([_use_key(key_arn)] if key_arn else []),
            *([read_bytes(far_bucket, package.far_prefix)] if far_bucket else []),
            *quotas.rights,
            *(_tenant_keys(self) if deployment.settings.audit_trail else ()),
        ]
        predict = InferenceFunction(
            self,
            "Predict",
            code=package.code,
            layers=layers,
            compute=spec.compute,
            environment={**_environment(package, deployment, far_bucket), **quotas.environment},
            description=f"{spec.name} {spec.version}",
            deployment=deployment,
            access=FunctionAccess(key_arn=key_arn, statements=tuple(statements)),
        )
        if deployment.tenants:
            # Without tenants nobody has a priority, and there is nobody to let wait.
            CapacityAlarm(self, "Capacity", model=spec.name, function_name=predict.function_name)
        if deployment.settings.audit_trail:
            AuditSubscription(
                self,
                "Audit",
                log_group=predict.log_group_name,
                recorder_arn=ssm_value(self, "AuditRecorderArn", RECORDER_PARAMETER),
            )
        if spec.drift:
            DriftSubscription(
                self,
                "Drift",
                log_group=predict.log_group_name,
                watch_arn=ssm_value(self, "DriftWatchArn", DRIFT_RECORDER_PARAMETER),
            )
        if experiments:
            ExposureSubscription(
                self,
                "Exposures",
                log_group=predict.log_group_name,
                recorder_arn=ssm_value(self, "RecorderArn", RECORDER_ARN_PARAMETER),
                experiments=experiments,
            )
            declared = Declared(
                names=tuple(each.name for each in experiments),
                versions=tuple(v.manifest.version for v in package.model.versions),
            )
            ssm.CfnParameter(
                self,
                "DeclaredExperiments",
                type="String",
                name=declared_experiments_parameter(spec.name),
                value=declared.to_json(),
            )
        alarms = self._watch(package, deployment, predict)
        found = ssm.CfnParameter(
            self,
            "AliasArn",
            type="String",
            name=alias_arn_parameter(spec.name),
            value=predict.alias.ref,
        )
        desired = ssm.CfnParameter(
            self,
            "DesiredRelease",
            type="String",
            name=desired_release_parameter(spec.name),
            description="Written by the stack, made true by the rollout controller",
            value=_desired(package, predict),
        )
        # Written last: once the controller has heard of a release, nothing can roll it back here.
        earlier: list[Construct] = [found, predict.alias, alarms]
        if spec.release.plan is PlanKind.SHADOW:
            earlier.append(Shadow(self, "Shadow", model=spec.name, predict=predict))
        desired.node.add_dependency(*earlier)

    def _watch(
        self, package: ModelPackage, deployment: Deployment, predict: InferenceFunction
    ) -> ReleaseAlarms:
        """Watch the release: by alarms, and for people by a dashboard."""
        spec = package.model.spec
        watched = Watched(
            model=spec.name,
            digest=predict.release_digest,
            function_name=predict.function_name,
            version=predict.version_number,
            timeout_s=spec.compute.timeout_s,
            plan=spec.release,
        )
        # Another release has other alarms: none changes its version while it is red.
        alarms = ReleaseAlarms(self, f"Alarms{predict.release_digest}", watched=watched)
        if deployment.dashboards is Dashboards.MODELS:
            shown = Shown(
                watched=watched,
                alarms=alarms.names,
                sheds=bool(deployment.tenants),
                watches_drift=bool(spec.drift),
                docs_url=deployment.docs_url,
            )
            add_dashboard(self, model_board(shown))
        return alarms


def _environment(
    package: ModelPackage, deployment: Deployment, far_bucket: str | None
) -> dict[str, str]:
    spec = package.model.spec
    environment = {
        ENV_PROFILE: deployment.profile.value,
        ENV_MODEL_NAME: spec.name,
        ENV_MODEL_VERSION: str(spec.version),
        ENV_THREADS: str(spec.compute.threads),
        ENV_PUBLISHER_KEY: package.publisher.fingerprint,
    }
    if spec.release.plan is PlanKind.SHADOW:
        environment[ENV_SHADOW_PARAMETER] = shadow_parameter(spec.name)
    if spec.drift:
        environment[ENV_DRIFT] = "1"
    if deployment.settings.audit_trail:
        environment[ENV_CAPTURE] = CAPTURE_KEYS_ROOT
    if deployment.access is not Access.OPEN:
        environment[ENV_ACCESS] = written(function_access(deployment, [spec]))
    if package.model.is_sticky:
        environment[ENV_EXPERIMENTS] = experiments_parameter(spec.name)
        environment[ENV_PSEUDONYM_KEY] = PSEUDONYM_KEY_ALIAS
    if far_bucket:
        environment[ENV_MODEL_S3_PREFIX] = f"s3://{far_bucket}/{package.far_prefix}"
    return environment


def _tenant_keys(stack: Stack) -> tuple[dict[str, Any], ...]:
    return capture_rights(ssm_value(stack, "TenantKeysKeyArn", key_arn_parameter(DATA_KEY)))


def _key(stack: Stack, deployment: Deployment, data_class: DataClass) -> str | None:
    """Return the key of what is of one class: who may read health data reads no other."""
    if not deployment.settings.logs_use_customer_key:
        return None
    return ssm_value(stack, "ClassKeyArn", key_arn_parameter(class_key(data_class.value)))


def _use_key(key_arn: str) -> dict[str, Any]:
    return allow("DecryptOwnSettings", ["kms:Decrypt"], [key_arn])


def _desired(package: ModelPackage, predict: InferenceFunction) -> str:
    """Write the release as JSON in which only names that AWS gives are left open."""
    spec, default = package.model.spec, package.model.default
    wanted = DesiredRelease(
        model=spec.name,
        function=_FUNCTION,
        release=_RELEASE,
        model_version=spec.version,
        model_digest=default.manifest.sha256,
        timeout_s=spec.compute.timeout_s,
        min_warm=spec.compute.min_warm,
        risk=spec.risk.value,
        plan=_plan(spec.release),
    )
    return Fn.sub(
        json.dumps(wanted.to_dict(), separators=(",", ":")),
        {"Function": predict.function_name, "Release": predict.version_number},
    )


def _plan(plan: ReleasePlan) -> dict[str, Any]:
    return {key: _plain(value) for key, value in asdict(plan).items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
