"""Buckets for model bytes and their registry: versioned, encrypted, TLS only, write-once."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_s3 as s3, aws_ssm as ssm
from constructs import Construct

from falaj.contract import bucket_name_parameter
from infra.constructs.keeping import keep

LOCK_DAYS = 365
"""Days for which an artefact cannot be overwritten or deleted where Object Lock is on."""


class ModelStore(Construct):
    """A bucket that keeps what is written into it.

    Attributes:
        bucket: The bucket.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        purpose: str,
        key_arn: str,
        object_lock: bool,
        is_for_ever: bool = False,
        expiries: Mapping[str, int] | None = None,
    ) -> None:
        """Make the bucket, its policy and the SSM parameter that tells its name.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            purpose: What it is for; the parameter's name.
            key_arn: The customer's key.
            object_lock: Whether objects are write-once.
            is_for_ever: Whether nobody at all, the account's root included, may shorten the lock,
                and nobody may write a key twice or hide one.
            expiries: After how many days objects are removed, by what their keys begin with; what
                was overwritten goes after one.
        """
        super().__init__(scope, id_)
        self.bucket = s3.CfnBucket(
            self,
            "Resource",
            bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(
                server_side_encryption_configuration=[
                    s3.CfnBucket.ServerSideEncryptionRuleProperty(
                        bucket_key_enabled=True,
                        server_side_encryption_by_default=(
                            s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                                sse_algorithm="aws:kms", kms_master_key_id=key_arn
                            )
                        ),
                    )
                ]
            ),
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
            public_access_block_configuration=s3.CfnBucket.PublicAccessBlockConfigurationProperty(
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
            ),
            ownership_controls=s3.CfnBucket.OwnershipControlsProperty(
                rules=[
                    s3.CfnBucket.OwnershipControlsRuleProperty(
                        object_ownership="BucketOwnerEnforced"
                    )
                ]
            ),
            object_lock_enabled=True if object_lock else None,
            object_lock_configuration=_lock(is_for_ever=is_for_ever) if object_lock else None,
            lifecycle_configuration=_lifecycle(expiries) if expiries else None,
        )
        keep(self.bucket)
        s3.CfnBucketPolicy(
            self,
            "Policy",
            bucket=self.bucket.ref,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [self.bucket.attr_arn, f"{self.bucket.attr_arn}/*"],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                    *(_written_once(self.bucket) if is_for_ever else ()),
                ],
            },
        )
        ssm.CfnParameter(
            self,
            "Name",
            type="String",
            name=bucket_name_parameter(purpose),
            value=self.bucket.ref,
        )


def _lifecycle(expiries: Mapping[str, int]) -> s3.CfnBucket.LifecycleConfigurationProperty:
    overwritten = s3.CfnBucket.NoncurrentVersionExpirationProperty(noncurrent_days=1)
    own = [
        s3.CfnBucket.RuleProperty(
            id=f"Expire-{prefix.strip('/').replace('/', '-')}",
            status="Enabled",
            prefix=prefix,
            expiration_in_days=days,
        )
        for prefix, days in sorted(expiries.items())
    ]
    parts = s3.CfnBucket.AbortIncompleteMultipartUploadProperty(days_after_initiation=1)
    all_objects = s3.CfnBucket.RuleProperty(
        id="Overwritten",
        status="Enabled",
        noncurrent_version_expiration=overwritten,
        abort_incomplete_multipart_upload=parts,
    )
    return s3.CfnBucket.LifecycleConfigurationProperty(rules=[*own, all_objects])


def _lock(*, is_for_ever: bool) -> s3.CfnBucket.ObjectLockConfigurationProperty:
    return s3.CfnBucket.ObjectLockConfigurationProperty(
        object_lock_enabled="Enabled",
        rule=s3.CfnBucket.ObjectLockRuleProperty(
            default_retention=s3.CfnBucket.DefaultRetentionProperty(
                mode="COMPLIANCE" if is_for_ever else "GOVERNANCE", days=LOCK_DAYS
            )
        ),
    )


def _written_once(bucket: s3.CfnBucket) -> tuple[dict[str, Any], ...]:
    """Refuse what Object Lock lets pass: a newer version above an object, and a delete marker.

    Source:
        docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
        (`s3:if-none-match`; copies cannot be made then, and uploads in parts neither), read
        2026-11-22.
    """
    objects = f"{bucket.attr_arn}/*"
    everybody = {"Effect": "Deny", "Principal": "*", "Resource": objects}
    return (
        {
            "Sid": "EachKeyOnce",
            **everybody,
            "Action": "s3:PutObject",
            "Condition": {"Null": {"s3:if-none-match": "true"}},
        },
        {
            "Sid": "NothingHidden",
            **everybody,
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
        },
    )
