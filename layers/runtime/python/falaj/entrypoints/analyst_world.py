"""Everything the experiment analyst reads and writes, put together from clients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import boto3
from botocore.config import Config

from falaj.aws.checkpoints import Checkpoints
from falaj.aws.decision_records import DecisionRecords
from falaj.aws.desired import DesiredReleases
from falaj.aws.experiment_log import ExperimentLog
from falaj.aws.experiment_reports import ExperimentReports
from falaj.aws.experiment_store import ExperimentStore
from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.aws.notices import Notices
from falaj.aws.rollout_store import RolloutStore
from falaj.config.analyst import AnalystSettings
from falaj.experiments.bandit import Posterior
from falaj.experiments.lifecycle import Entry, Evidence
from falaj.experiments.records import Reading
from falaj.experiments.spec import ExperimentSpec

MakeClient = Callable[..., Any]

_PATIENT: Final = Config(
    connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4}
)
"""Nothing waits for the analyst but its next round."""


class Look(Protocol):
    """What an analysis found."""

    @property
    def evidence(self) -> Evidence:
        """What `falaj.experiments.lifecycle.advance` needs to know."""
        ...

    @property
    def beliefs(self) -> Sequence[Posterior]:
        """What is believed of each arm's success metric, control first."""
        ...

    def document(self, decisions: Sequence[Entry]) -> Mapping[str, Any]:
        """Write the report as JSON values, with what was decided."""
        ...

    def page(self, decisions: Sequence[Entry]) -> str:
        """Write the report as one HTML page, with what was decided."""
        ...


class Analysis(Protocol):
    """The statistics, which this package does not import."""

    def look(
        self,
        spec: ExperimentSpec,
        reading: Reading,
        *,
        now: datetime,
        shares: Mapping[str, float] | None = None,
    ) -> Look:
        """Join, look and conclude.

        Args:
            spec: The declaration.
            reading: Who was shown what, and what came of it.
            now: The present.
            shares: A bandit's shares of all subjects now, by arm.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystWorld:
    """The analyst's hands and eyes, one for each concept."""

    store: ExperimentStore
    log: ExperimentLog
    checkpoints: Checkpoints
    live: LiveExperimentsParameter
    desired: DesiredReleases
    rollouts: RolloutStore
    records: DecisionRecords
    reports: ExperimentReports
    notices: Notices
    analysis: Analysis


def open_world(
    settings: AnalystSettings, analysis: Analysis, *, make_client: MakeClient | None = None
) -> AnalystWorld:
    """Put the world together.

    Args:
        settings: Names of tables, bucket, key and topic.
        analysis: The statistics.
        make_client: Makes a boto3 client of a service; by default for the process's own region
            and role.
    """
    make = make_client or _client
    dynamodb, s3, ssm = make("dynamodb"), make("s3"), make("ssm")
    return AnalystWorld(
        store=ExperimentStore(dynamodb, settings.experiments_table),
        log=ExperimentLog(s3, settings.bucket),
        checkpoints=Checkpoints(s3, settings.bucket),
        live=LiveExperimentsParameter(ssm),
        desired=DesiredReleases(ssm),
        rollouts=RolloutStore(dynamodb, settings.rollouts_table),
        records=DecisionRecords(s3, make("kms"), bucket=settings.bucket, key=settings.signing_key),
        reports=ExperimentReports(s3, settings.bucket),
        notices=Notices(make("sns"), settings.notices_topic),
        analysis=analysis,
    )


def _client(service: str) -> Any:  # noqa: ANN401 - made at run time
    return boto3.client(service, config=_PATIENT)  # type: ignore[call-overload]
