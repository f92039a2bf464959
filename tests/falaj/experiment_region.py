"""The AWS services that experiments use, as moto keeps them: in this process, no network."""

from contextlib import contextmanager
from functools import cache

from falaj.contract import TABLE_KEY
from local_region.backends.moto_backends import MotoBackends

BUCKET = "falaj-experiments"
STATES, FEEDBACK = "Experiments", "Feedback"
ACCOUNT = "800000000000"


@cache
def _backends():
    """Open the account once: making clients takes longer than all a test does."""
    return MotoBackends.open(account=ACCOUNT, region="me-central-1", endpoint="http://127.0.0.1:1")


@contextmanager
def experiment_region():
    """Lend the account with the bucket and both tables, and empty it afterwards."""
    backends = _backends()
    try:
        backends.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "me-central-1"}
        )
        for table in (STATES, FEEDBACK):
            backends.client("dynamodb").create_table(
                TableName=table,
                KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield backends
    finally:
        backends.forget()


def keys(backends, prefix=""):
    """Name every object below a prefix."""
    pages = backends.client("s3").get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=BUCKET, Prefix=prefix)
    return sorted(entry["Key"] for page in found for entry in page.get("Contents", ()))
