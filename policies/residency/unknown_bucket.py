"""Records are written to buckets of which it is known where they lie."""

import re
from collections.abc import Iterator
from typing import Final

from falaj.contract import REGION
from policies.application import Resource, View
from policies.references import left_open, without_placeholders
from policies.rule import Rule

_ADDRESS: Final = re.compile(r"^(?:arn:[^:]*:s3:::|s3://)([^/*\s]+)")
_KEY: Final = re.compile(r"(?:S3Bucket|S3BucketName|OutputS3BucketName|S3Destination\.BucketName)$")


def _check(resource: Resource, view: View) -> Iterator[str]:
    for path, text in resource.texts:
        named = _ADDRESS.findall(text) or ([text] if _KEY.search(path) and path[-1:] != "]" else [])
        for bucket in named:
            if text == path.rpartition(".")[2]:
                continue
            is_ours = "\0" in without_placeholders(bucket) and not left_open(bucket, view)
            if not is_ours and REGION not in bucket:
                yield (
                    f"{path}: nothing says in which region bucket {bucket} lies; refer to a bucket "
                    "of a stack, or to one whose name holds the region's"
                )


RULE = Rule(
    id="residency.unknown-bucket",
    title="No delivery to a bucket of unknown place",
    reason=(
        "Bucket names are the same in all regions, so that a trail, a query's results or a flow "
        "log may be delivered abroad without a region being named."
    ),
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingBucket.html",
    controls=("PDPL-22", "HEALTH-13", "CBUAE-6.1", "ISO-8.12"),
    types=(
        "AWS::Athena::WorkGroup",
        "AWS::Backup::ReportPlan",
        "AWS::CloudTrail::Trail",
        "AWS::Cognito::LogDeliveryConfiguration",
        "AWS::Config::*",
        "AWS::EC2::FlowLog",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::GuardDuty::PublishingDestination",
        "AWS::KinesisFirehose::DeliveryStream",
        "AWS::Logs::DeliveryDestination",
        "AWS::SSM::Association",
        "AWS::SSM::MaintenanceWindowTask",
        "AWS::SSM::ResourceDataSync",
    ),
    check=_check,
)
