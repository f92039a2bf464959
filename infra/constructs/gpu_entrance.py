"""The one load balancer before all GPU services, and the API's way to it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aws_cdk import (
    Fn,
    aws_apigatewayv2 as apigateway,
    aws_elasticloadbalancingv2 as balancing,
    aws_s3 as s3,
)
from constructs import Construct

from infra.bundling.trees import text_digest
from infra.config.deployment import Deployment
from infra.constructs.assets import file_asset
from infra.constructs.gpu_network import GRPC_TLS, GpuNetwork
from infra.constructs.keeping import keep
from infra.constructs.security_group import TLS

API_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy: API Gateway does not promise 1.3 towards a balancer."""
CLIENT_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-3-2021-06"
"""TLS 1.3 and nothing older, for programs that speak gRPC.

Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html.
"""
IDLE_S: Final = 60
ACCESS_LOG_DAYS: Final = 90

PLAIN_PORT: Final = 80
"""Used where no certificate is: on an operator's own machine, which never makes a balancer."""


class GpuEntrance(Construct):
    """An internal Application Load Balancer with a listener for the API and one for gRPC.

    Attributes:
        balancer: The load balancer.
        api_listener: Takes the API's requests.
        grpc_listener: Takes gRPC; with a trust store, only from programs that show a certificate.
        link: API Gateway's VPC link.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        network: GpuNetwork,
        deployment: Deployment,
        trust: Path | None = None,
    ) -> None:
        """Make the entrance.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            network: Where it stands.
            deployment: Its name, its certificate and who may come.
            trust: File of those whose clients may speak gRPC, where it is to be uploaded.
        """
        super().__init__(scope, id_)
        self._certificate = deployment.gpu.certificate
        subnets = list(network.subnets.values())
        logs, writing = self._access_logs()
        self.balancer = balancing.CfnLoadBalancer(
            self,
            "Balancer",
            scheme="internal",
            type="application",
            subnets=subnets,
            security_groups=[network.balancer.id],
            load_balancer_attributes=_attributes(
                {
                    "deletion_protection.enabled": deployment.settings.protect_stacks,
                    "routing.http.drop_invalid_header_fields.enabled": True,
                    "routing.http.desync_mitigation_mode": "strictest",
                    "idle_timeout.timeout_seconds": IDLE_S,
                    "access_logs.s3.enabled": True,
                    "access_logs.s3.bucket": logs.ref,
                }
            ),
        )
        # It is refused while it may not write there.
        self.balancer.add_resource_dependency(writing)
        self.api_listener = self._listener("Api", TLS, API_TLS_POLICY, None)
        self.grpc_listener = self._listener(
            "Grpc", GRPC_TLS, CLIENT_TLS_POLICY, self._trust(deployment.gpu.trust_bundle, trust)
        )
        self.link = apigateway.CfnVpcLink(
            self, "Link", name="Falaj", subnet_ids=subnets, security_group_ids=[network.link.id]
        )

    def _listener(
        self, id_: str, port: int, policy: str, trust: str | None
    ) -> balancing.CfnListener:
        kinds = balancing.CfnListener
        secured: dict[str, Any] = {
            "port": port,
            "protocol": "HTTPS",
            "ssl_policy": policy,
            "certificates": [kinds.CertificateProperty(certificate_arn=self._certificate)],
            "mutual_authentication": kinds.MutualAuthenticationProperty(
                mode="verify", trust_store_arn=trust
            )
            if trust
            else None,
        }
        plain = {"port": PLAIN_PORT if port == TLS else port, "protocol": "HTTP"}
        return balancing.CfnListener(
            self,
            id_,
            load_balancer_arn=self.balancer.ref,
            default_actions=[
                kinds.ActionProperty(
                    type="fixed-response",
                    fixed_response_config=kinds.FixedResponseConfigProperty(
                        status_code="404",
                        content_type="application/json",
                        message_body=json.dumps(
                            {"error": "no GPU service has this model", "code": "model_not_found"}
                        ),
                    ),
                )
            ],
            **(secured if self._certificate else plain),
        )

    def _trust(self, bundle: str, file: Path | None) -> str | None:
        if not bundle:
            return None
        bucket, _, key = bundle.removeprefix("s3://").partition("/")
        if file is not None:
            # Another file, another key: CloudFormation sees that the bundle has changed.
            digest = text_digest(file.read_text(encoding="ascii"))
            place = file_asset(self, file, f"trust-{digest[:32]}")
            bucket, key = place.bucket_name, place.object_key
        return balancing.CfnTrustStore(
            self,
            "Trust",
            ca_certificates_bundle_s3_bucket=bucket,
            ca_certificates_bundle_s3_key=key,
        ).ref

    def _access_logs(self) -> tuple[s3.CfnBucket, s3.CfnBucketPolicy]:
        """Where the balancer writes who called; it can write under no other key than S3's own.

        Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/
        enable-access-logging.html ("The only server-side encryption option that's supported is
        Amazon S3-managed keys", and the policy for logdelivery.elasticloadbalancing.amazonaws.com).
        """
        kinds = s3.CfnBucket
        bucket = kinds(
            self,
            "AccessLogs",
            bucket_encryption=kinds.BucketEncryptionProperty(
                server_side_encryption_configuration=[
                    kinds.ServerSideEncryptionRuleProperty(
                        server_side_encryption_by_default=(
                            kinds.ServerSideEncryptionByDefaultProperty(sse_algorithm="AES256")
                        )
                    )
                ]
            ),
            versioning_configuration=kinds.VersioningConfigurationProperty(status="Enabled"),
            public_access_block_configuration=kinds.PublicAccessBlockConfigurationProperty(
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
            ),
            ownership_controls=kinds.OwnershipControlsProperty(
                rules=[kinds.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
            ),
            lifecycle_configuration=kinds.LifecycleConfigurationProperty(
                rules=[
                    kinds.RuleProperty(
                        id="Forget", status="Enabled", expiration_in_days=ACCESS_LOG_DAYS
                    )
                ]
            ),
        )
        keep(bucket)
        policy = s3.CfnBucketPolicy(
            self,
            "AccessLogsPolicy",
            bucket=bucket.ref,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [_write_logs(bucket), _tls_only(bucket)],
            },
        )
        return bucket, policy


def _write_logs(bucket: s3.CfnBucket) -> dict[str, Any]:
    return {
        "Sid": "BalancerMayWrite",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": Fn.sub("${Bucket}/AWSLogs/${AWS::AccountId}/*", {"Bucket": bucket.attr_arn}),
        "Condition": {"StringEquals": {"aws:SourceAccount": Fn.sub("${AWS::AccountId}")}},
    }


def _tls_only(bucket: s3.CfnBucket) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket.attr_arn, f"{bucket.attr_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _attributes(
    values: dict[str, bool | int | str],
) -> Sequence[balancing.CfnLoadBalancer.LoadBalancerAttributeProperty]:
    kind = balancing.CfnLoadBalancer.LoadBalancerAttributeProperty
    return [
        kind(key=key, value=str(value).lower() if isinstance(value, bool) else str(value))
        for key, value in values.items()
    ]
