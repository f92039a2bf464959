"""The one load balancer before all GPU services, and the API's way to it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aws_cdk import (
    aws_apigatewayv2 as apigateway,
    aws_elasticloadbalancingv2 as balancing,
)
from constructs import Construct

from infra.bundling.trees import text_digest
from infra.config.deployment import Deployment
from infra.constructs.assets import file_asset
from infra.constructs.gpu_network import GRPC_TLS, GpuNetwork
from infra.constructs.security_group import TLS

API_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, and 1.2 with forward secrecy: API Gateway does not promise 1.3 towards a balancer."""
CLIENT_TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-3-2021-06"
"""TLS 1.3 and nothing older, for programs that speak gRPC.

Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html.
"""
IDLE_S: Final = 60

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
        missing: str = "no GPU service has this model",
    ) -> None:
        """Make the entrance.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            network: Where it stands.
            deployment: Its name, its certificate and who may come.
            trust: File of those whose clients may speak gRPC, where it is to be uploaded.
            missing: What a caller of a model without a service is told.
        """
        super().__init__(scope, id_)
        self._missing = missing
        self._certificate = deployment.gpu.certificate
        subnets = list(network.subnets.values())
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
                    # They would hold addresses as callers wrote them, query and all, which may
                    # name a person, under S3's own key; replicas leave a line of each request.
                    "access_logs.s3.enabled": False,
                }
            ),
        )
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
                            {"error": self._missing, "code": "model_not_found"}
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


def _attributes(
    values: dict[str, bool | int | str],
) -> Sequence[balancing.CfnLoadBalancer.LoadBalancerAttributeProperty]:
    kind = balancing.CfnLoadBalancer.LoadBalancerAttributeProperty
    return [
        kind(key=key, value=str(value).lower() if isinstance(value, bool) else str(value))
        for key, value in values.items()
    ]
