"""Connects a function's experiments to AWS: SSM says what runs, KMS holds the key."""

from typing import Final

import boto3
from botocore.config import Config

from falaj.aws.live_experiments import LiveExperimentsParameter
from falaj.aws.pseudonym_key import derive_key
from falaj.config.settings import Settings
from falaj.entrypoints.lambda_experiments import Experiments
from falaj.http.service import Service

QUICK: Final = Config(connect_timeout=0.5, read_timeout=1, retries={"total_max_attempts": 1})
"""A request waits for what runs at most once in 30 s, and never long: what was known stays."""


def experiments_of(settings: Settings, service: Service) -> Experiments:
    """Make a function's experiments, know what runs, and warm every arm.

    AWS in the dark is no reason not to start: the release's own version answers.

    Args:
        settings: The function's environment, experiments in it.
        service: What it serves.
    """
    model = settings.model_name
    for version in service.repository.versions(model):
        service.repository.model(model, version).warm_up()
    ssm = LiveExperimentsParameter(boto3.client("ssm", config=QUICK))
    kms = boto3.client("kms", config=QUICK)
    made = Experiments(
        model=model,
        own_version=int(service.repository.model(model).version),
        packaged=frozenset(map(int, service.repository.versions(model))),
        read=lambda: ssm.read_named(settings.experiments),
        derive_key=lambda: derive_key(kms, settings.pseudonym_key, f"experiments/{model}"),
    )
    made.refresh(service.clock.now())
    return made
