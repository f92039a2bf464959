"""Custom domains, their trust stores, and the stages behind them."""

from typing import Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from cryptography import x509

from local_region.gateway.domains import Domain
from local_region.resources.kind import Declared, Kind, Surroundings
from local_region.template.intrinsics import Physical

_DOMAIN_KNOWN: Final = frozenset(
    {
        "DomainName",
        "EndpointConfiguration",
        "MutualTlsAuthentication",
        "RegionalCertificateArn",
        "SecurityPolicy",
        "Tags",
    }
)
_MAPPING_KNOWN: Final = frozenset({"DomainName", "RestApiId", "Stage"})
_POLICY: Final = "TLS_1_2"


async def _put_domain(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    _refuse_unknown(resource, _DOMAIN_KNOWN)
    if wanted.get("SecurityPolicy", _POLICY) != _POLICY:
        raise resource.error(f"SecurityPolicy {wanted['SecurityPolicy']} is not known here")
    name = str(wanted["DomainName"])
    before = region.apis.domains.get(name)
    domain = Domain(name=name, trust_store=_trust_store(resource, region))
    if before is not None:
        domain.api, domain.stage = before.api, before.stage
    region.apis.domains[name] = domain
    return Physical(
        ref=name,
        attributes={
            "RegionalDomainName": f"d-{resource.id()}.execute-api.{region.region}.amazonaws.com",
            "RegionalHostedZoneId": "Z0LOCAL",
        },
    )


async def _update_domain(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_domain(resource, region)


async def _delete_domain(physical: Physical, region: Surroundings) -> None:
    region.apis.domains.pop(physical.ref, None)


def _trust_store(resource: Declared, region: Surroundings) -> str:
    """Fetch the certificates from S3, as API Gateway does when the domain is made."""
    asked = resource.properties.get("MutualTlsAuthentication") or {}
    unknown = sorted(asked.keys() - {"TruststoreUri", "TruststoreVersion"})
    if unknown:
        raise resource.error(f"of mutual TLS {', '.join(unknown)} are not known here")
    if not asked:
        return ""
    uri = urlsplit(str(asked.get("TruststoreUri")))
    if uri.scheme != "s3":
        raise resource.error(f"TruststoreUri {asked.get('TruststoreUri')!r} is not in S3")
    version = asked.get("TruststoreVersion")
    try:
        answer = region.aws.client("s3").get_object(
            Bucket=uri.netloc,
            Key=uri.path.removeprefix("/"),
            **({"VersionId": str(version)} if version else {}),
        )
        text = str(answer["Body"].read().decode("ascii"))
        x509.load_pem_x509_certificates(text.encode())
    except (ClientError, ValueError) as error:
        raise resource.error(f"the trust store cannot be used: {error}") from error
    return text


async def _put_mapping(resource: Declared, region: Surroundings) -> Physical:
    wanted = resource.properties
    _refuse_unknown(resource, _MAPPING_KNOWN)
    domain = region.apis.domains.get(str(wanted["DomainName"]))
    api = region.apis.apis.get(str(wanted["RestApiId"]))
    if domain is None or api is None or wanted.get("Stage") not in api.stages:
        raise resource.error("maps a domain, an API or a stage that is not there")
    domain.api, domain.stage = api.id, str(wanted["Stage"])
    return Physical(ref=f"{domain.name}|", attributes={})


async def _update_mapping(_: Physical, resource: Declared, region: Surroundings) -> Physical:
    return await _put_mapping(resource, region)


async def _delete_mapping(physical: Physical, region: Surroundings) -> None:
    domain = region.apis.domains.get(physical.ref.partition("|")[0])
    if domain is not None:
        domain.api = domain.stage = ""


def _refuse_unknown(resource: Declared, known: frozenset[str]) -> None:
    if unknown := sorted(resource.properties.keys() - known):
        raise resource.error(f"the properties {', '.join(unknown)} are not known here")


DOMAIN: Final = Kind(
    create=_put_domain,
    update=_update_domain,
    delete=_delete_domain,
    replaced_by=frozenset({"DomainName"}),
    note="A domain answers on a port of its own, under a certificate of this machine's authority; "
    "no name is resolved. Without a certificate of its trust store no connection is made, where "
    "AWS answers 403 to some.",
)
BASE_PATH: Final = Kind(
    create=_put_mapping,
    update=_update_mapping,
    delete=_delete_mapping,
    replaced_by=frozenset({"DomainName"}),
)
