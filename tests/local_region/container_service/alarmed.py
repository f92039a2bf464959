"""A region's alarms on a virtual clock, in an account of its own."""

import random
from contextlib import contextmanager

from local_region.backends.moto_backends import MotoBackends
from local_region.clock import VirtualClock
from local_region.cloudwatch.service import CloudWatchService


@contextmanager
def alarmed():
    """Yield a virtual clock, an account, and the CloudWatch that evaluates its alarms."""
    clock = VirtualClock()
    aws = MotoBackends.open(
        account=f"{random.SystemRandom().randrange(10**11):012d}",
        region="me-central-1",
        endpoint="http://127.0.0.1:1",
    )
    cloudwatch = CloudWatchService(
        "me-central-1", aws.account, clock=clock, on_change=lambda _: None
    )
    cloudwatch.install()
    try:
        yield clock, aws, cloudwatch
    finally:
        cloudwatch.reset()
        aws.close()
