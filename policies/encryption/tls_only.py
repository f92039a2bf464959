"""Buckets, queues and topics refuse plain HTTP."""

from collections.abc import Iterator

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import RESOURCE, Statement, statements
from policies.values import at


def _refuses_plain(statement: Statement) -> bool:
    says = at(statement.conditions, "Bool") or {}
    return (
        not statement.is_allow
        and statement.is_open
        and "s3:*" in statement.actions
        and str(says.get("aws:SecureTransport", "")).lower() == "false"
    )


def _check(resource: Resource, view: View) -> Iterator[str]:
    policies = [
        policy
        for policy in view.of_type("AWS::S3::BucketPolicy")
        if policy.properties.get("Bucket")
        in {f"${{{resource.id}}}", resource.properties.get("BucketName")}
    ]
    if not any(
        _refuses_plain(statement)
        for policy in policies
        for statement in statements(policy, RESOURCE)
    ):
        yield "no bucket policy denies requests without aws:SecureTransport"


RULE = Rule(
    id="encryption.tls-only",
    title="Buckets are reached over TLS only",
    reason="S3 answers plain HTTP unless the bucket's policy refuses it.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
    controls=("PDPL-20", "ISO-8.24", "IAR-T7", "ISO-5.14"),
    types=("AWS::S3::Bucket",),
    check=_check,
)
