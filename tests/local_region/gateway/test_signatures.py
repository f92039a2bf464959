"""Promise: a request counts as signed if AWS would say so, and by a credential that is known."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_region.gateway.messages import Request
from local_region.gateway.signatures import SignatureRefusedError, signer_of

REGION = "me-central-1"
SECRETS = {"AKIAKNOWN": "secret"}


def now():
    """The time that boto3 signs with: a whole run of tests lasts longer than a signature."""
    return datetime.now(UTC).timestamp()


def signed(
    url="http://api.local/v2/models/a b/infer?x=1&a=%20b",
    *,
    method="POST",
    body=b'{"a":1}',
    key="AKIAKNOWN",
    secret="secret",  # noqa: S107 - of nobody
    region=REGION,
    service="execute-api",
):
    """Sign as boto3 does; return the request as the gateway sees it."""
    asked = AWSRequest(method=method, url=url.replace(" ", "%20"), data=body)
    asked.headers["Host"] = urlsplit(url).netloc
    SigV4Auth(Credentials(key, secret), service, region).add_auth(asked)
    parts = urlsplit(asked.url)
    return Request(
        method=method,
        path=parts.path or "/",
        query=parts.query,
        headers=tuple((name.lower(), str(value)) for name, value in asked.headers.items()),
        body=body,
        source_ip="127.0.0.1",
    )


def changed(request, **fields):
    """The request after somebody has had it in hand."""
    given = {name: getattr(request, name) for name in ("method", "path", "query", "headers")}
    return Request(**{**given, "body": request.body, "source_ip": "127.0.0.1", **fields})


@pytest.mark.parametrize(
    "url",
    [
        "http://api.local/",
        "http://api.local/v2",
        "http://api.local/v2/models/a b/infer?x=1&a=%20b",
        "http://api.local/v2/models/a/infer?b=2&a=1&a=0",
        "http://api.local/v2/%C3%A9?empty=",
    ],
)
@pytest.mark.parametrize("body", [b"", b'{"a":1}', bytes(range(256))])
def test_what_boto3_signs_is_known(url, body):
    """Botocore is the oracle."""
    assert signer_of(signed(url, body=body), SECRETS, REGION, now()) == "AKIAKNOWN"


@pytest.mark.parametrize(
    "request_",
    [
        signed(key="AKIAOTHER"),
        signed(secret="guessed"),
        signed(region="eu-west-1"),
        signed(service="lambda"),
        changed(signed(), method="PUT"),
        changed(signed(), path="/v2/models/other/infer"),
        changed(signed(), query="x=2"),
        changed(signed(), body=b'{"a":2}'),
    ],
    ids=["key", "secret", "region", "service", "method", "path", "query", "body"],
)
def test_whatever_was_changed_is_nobodys(request_):
    """Each alone."""
    with pytest.raises(SignatureRefusedError) as refused:
        signer_of(request_, SECRETS, REGION, now())

    assert not refused.value.is_missing


@pytest.mark.parametrize("later", [-600, 600])
def test_a_signature_is_good_for_five_minutes(later):
    """Either way."""
    with pytest.raises(SignatureRefusedError, match="expired"):
        signer_of(signed(), SECRETS, REGION, now() + later)


@pytest.mark.parametrize("header", ["", "Bearer x", "AWS4-HMAC-SHA256 nonsense"])
def test_no_signature_is_told_apart_from_a_bad_one(header):
    """API Gateway says `Missing Authentication Token`."""
    request = changed(signed(), headers=(("host", "api.local"), ("authorization", header)))

    with pytest.raises(SignatureRefusedError) as refused:
        signer_of(request, SECRETS, REGION, now())

    assert refused.value.is_missing
