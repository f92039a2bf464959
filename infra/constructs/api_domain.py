"""The API under a name of its own, where callers show certificates.

Source:
    docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-mutual-tls.html (regional custom
    domains only; truststore in S3 as PEM; the default endpoint must be disabled, or it is a way
    around), read 2026-11-22.
"""

from pathlib import Path

from aws_cdk import CfnOutput, Fn, aws_apigateway as rest
from constructs import Construct

from infra.bundling.trees import text_digest
from infra.config.edge import ApiName
from infra.constructs.assets import file_asset

SECURITY_POLICY = "TLS_1_2"


class ApiDomain(Construct):
    """A regional custom domain in front of a stage.

    Attributes:
        domain: The domain; point a DNS record at its regional name.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: ApiName,
        stage: rest.CfnStage,
        trust_store: Path | None,
    ) -> None:
        """Make the domain.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            name: The name and its certificate.
            stage: What answers below it.
            trust_store: Authorities whose clients are let in; None asks for no certificate.
        """
        super().__init__(scope, id_)
        self.domain = rest.CfnDomainName(
            self,
            "Resource",
            domain_name=name.domain,
            regional_certificate_arn=name.certificate,
            security_policy=SECURITY_POLICY,
            endpoint_configuration=rest.CfnDomainName.EndpointConfigurationProperty(
                types=["REGIONAL"]
            ),
            mutual_tls_authentication=self._mutual(trust_store) if trust_store else None,
        )
        mapping = rest.CfnBasePathMapping(
            self,
            "Mapping",
            domain_name=self.domain.ref,
            rest_api_id=stage.rest_api_id,
            stage=stage.stage_name,
        )
        mapping.add_resource_dependency(stage)
        CfnOutput(
            self,
            "Target",
            value=self.domain.attr_regional_domain_name,
            description=f"Point {name.domain} here (CNAME or alias record)",
        )

    def _mutual(self, trust_store: Path) -> rest.CfnDomainName.MutualTlsAuthenticationProperty:
        """Upload the authorities under a key that holds their digest: another file, another key."""
        digest = text_digest(trust_store.read_text(encoding="ascii"))
        place = file_asset(self, trust_store, f"trust-{digest[:32]}")
        return rest.CfnDomainName.MutualTlsAuthenticationProperty(
            truststore_uri=Fn.join("", ["s3://", place.bucket_name, "/", place.object_key])
        )
