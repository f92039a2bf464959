"""Everything the rollout controller reads and writes, put together from clients."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

from falaj.aws.alarm_reader import AlarmReader
from falaj.aws.alias import LiveAlias
from falaj.aws.calls import calling
from falaj.aws.controller_metrics import ControllerMetrics
from falaj.aws.decision_records import DecisionRecords
from falaj.aws.desired import DesiredReleases
from falaj.aws.evidence_reader import EvidenceReader
from falaj.aws.golden_cases import GoldenCases
from falaj.aws.notices import Notices
from falaj.aws.rollout_store import RolloutStore
from falaj.aws.shadow_orders import ShadowOrders
from falaj.aws.versions import Versions
from falaj.aws.warmth import Warmth
from falaj.config.rollout import RolloutSettings
from falaj.http.webhook import Webhook

MakeClient = Callable[..., Any]

_QUICK: Final = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3}
)
"""What is dark must be known for it within seconds: a rollback waits behind it."""
_PATIENT: Final = Config(connect_timeout=1, read_timeout=40, retries={"total_max_attempts": 1})
"""For golden cases: a version may take as long as a cold start and its cases take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The controller's hands and eyes, one for each concept."""

    alias: LiveAlias
    versions: Versions
    warmth: Warmth
    golden: GoldenCases
    desired: DesiredReleases
    store: RolloutStore
    shadows: ShadowOrders
    evidence: EvidenceReader
    alarms: AlarmReader
    records: DecisionRecords
    metrics: ControllerMetrics
    notices: Notices
    webhook: Webhook


def open_world(
    settings: RolloutSettings,
    *,
    make_client: MakeClient | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> World:
    """Put the world together.

    Args:
        settings: Names of table, bucket, key, topic and webhook.
        make_client: Makes a boto3 client of a service; by default for the process's own region
            and role.
        sleep: Waits between attempts at the webhook.
    """
    make = make_client or _client
    lambda_client, cloudwatch, ssm = make("lambda"), make("cloudwatch"), make("ssm")

    def webhook_key() -> bytes:
        with calling("ssm", "give the webhook's key"):
            found = ssm.get_parameter(Name=settings.webhook_key_parameter, WithDecryption=True)
        return str(found["Parameter"]["Value"]).encode()

    return World(
        alias=LiveAlias(lambda_client),
        versions=Versions(lambda_client),
        warmth=Warmth(lambda_client),
        golden=GoldenCases(make("lambda", config=_PATIENT)),
        desired=DesiredReleases(ssm),
        store=RolloutStore(make("dynamodb"), settings.table),
        shadows=ShadowOrders(ssm),
        evidence=EvidenceReader(cloudwatch),
        alarms=AlarmReader(cloudwatch),
        records=DecisionRecords(
            make("s3"), make("kms"), bucket=settings.decisions_bucket, key=settings.signing_key
        ),
        metrics=ControllerMetrics(cloudwatch),
        notices=Notices(make("sns"), settings.notices_topic),
        webhook=Webhook(settings.webhook_url, key=webhook_key, sleep=sleep),
    )


def _client(service: str, *, config: Config = _QUICK) -> Any:  # noqa: ANN401 - made at run time
    return boto3.client(service, config=config)  # type: ignore[call-overload]
