"""Promise: a request counts as signed if AWS would say so, and by a credential that is known."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_region.gateway.messages import Request
from local_region.gateway.signatures import SignatureRefusedError, signer_of
from local_region.gateway.signers import Signer

REGION = "me-central-1"
KNOWN = Signer(access_key="AKIAKNOWN", secret="secret", arn="arn:aws:iam::1:user/known", id="AIDA")
SESSION = Signer(
    access_key="ASIAKNOWN", secret="secret", arn="arn:1", id="AROA", session_token="t/o+k=en"
)
find = {each.access_key: each for each in (KNOWN, SESSION)}.get


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
    token=None,
    kind=SigV4Auth,
):
    """Sign as boto3 does; return the request as the gateway sees it."""
    asked = AWSRequest(method=method, url=url.replace(" ", "%20"), data=body)
    asked.headers["Host"] = urlsplit(url).netloc
    kind(Credentials(key, secret, token), service, region).add_auth(asked)
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
        "http://api.local/v2//models/./x/../a/?a=%2F%3D&A=%2B&a-b=1&a=~",
        "http://api.local/v2/..",
        "http://api.local/v2/%252e%252e/a%2Fb",
    ],
)
@pytest.mark.parametrize("body", [b"", b'{"a":1}', bytes(range(256))])
def test_what_boto3_signs_is_known(url, body):
    """Botocore is the oracle."""
    assert signer_of(signed(url, body=body), find, REGION, now()) is KNOWN


def test_what_boto3_signs_in_the_query_is_known():
    """A link that somebody else may follow, for five minutes."""
    assert signer_of(link("?x=1&a=%20b"), find, REGION, now()) is KNOWN


def link(query="", **said):
    """A request signed in its query; botocore takes no body there."""
    url = f"http://api.local/v2/models/a{query}"
    return signed(url, method="GET", body=b"", kind=SigV4QueryAuth, **said)


def with_header(request, name, value):
    """The request with a header in place of what it had."""
    kept = [pair for pair in request.headers if pair[0] != name]
    return changed(request, headers=(*kept, (name, value)))


def test_a_session_shows_its_token_in_the_header_or_in_the_query():
    """And a user, who has none, shows none."""
    for sign in (signed, link):
        request = sign(key="ASIAKNOWN", token="t/o+k=en")
        assert signer_of(request, find, REGION, now()) is SESSION


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
        changed(link(), body=b'{"a":2}'),
        changed(link(), path="/v2/models/other/infer"),
        with_header(signed(), "host", "other.local"),
        with_header(changed(signed(), body=b"x"), "x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        changed(signed(), headers=(*signed().headers, ("authorization", "Bearer x"))),
        changed(signed(), path="/v2/models/a%2520b/infer"),
        signed(key="ASIAKNOWN"),
        signed(key="ASIAKNOWN", token="another"),
        signed(token="t/o+k=en"),
        link(key="ASIAKNOWN", token="another"),
        link(secret="guessed"),
        changed(link(), query=f"{link().query}&x=1"),
        changed(link(), query=f"{link().query}&X-Amz-Expires=604800"),
    ],
)
def test_whatever_was_changed_is_nobodys(request_):
    """Each alone: key, secret, region, service, method, path, query, body, host, token."""
    with pytest.raises(SignatureRefusedError) as refused:
        signer_of(request_, find, REGION, now())

    assert not refused.value.is_missing


def test_the_hash_is_of_the_bytes_that_came():
    """Whatever a header says of them: there is no unsigned payload here."""
    told = with_header(signed(), "x-amz-content-sha256", "UNSIGNED-PAYLOAD")

    assert signer_of(told, find, REGION, now()) is KNOWN


@pytest.mark.parametrize("sign", [signed, link])
@pytest.mark.parametrize(("later", "why"), [(-302, "not yet current"), (302, "expired")])
def test_a_signature_is_good_for_five_minutes(later, why, sign):
    """Either way, and in the query as in a header: X-Amz-Expires says an hour, and nobody asks."""
    with pytest.raises(SignatureRefusedError, match=why):
        signer_of(sign(), find, REGION, now() + later)


@pytest.mark.parametrize("later", [-280, 280])
def test_a_clock_within_five_minutes_is_no_fault(later):
    """Nor is a slow way."""
    assert signer_of(signed(), find, REGION, now() + later) is KNOWN


GOOD = signed().header("authorization")


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("Bearer x", "of another kind"),
        ("AWS4-HMAC-SHA512 x", "of another kind"),
        ("AWS4-HMAC-SHA256 nonsense", "missing equal-sign"),
        ("AWS4-HMAC-SHA256 Credential=a", "requires 'SignedHeaders'"),
        (GOOD.replace("Signature=", "Signature=A"), "does not match"),
        (GOOD.replace("host;x-amz-date", "host"), "SignedHeaders lacks"),
        (GOOD.replace("host;x-amz-date", "x-amz-date"), "SignedHeaders lacks"),
        (GOOD.replace("host;x-amz-date", "host\n;x-amz-date"), "not well formed"),
        (GOOD.replace("/aws4_request", ""), "not well formed"),
        (GOOD.replace("/20", "/19"), "Date in Credential scope does not match"),
    ],
)
def test_a_bad_signature_says_what_is_wrong(header, why):
    """As AWS does, and never whether the rest was right."""
    with pytest.raises(SignatureRefusedError, match=why) as refused:
        signer_of(with_header(signed(), "authorization", header), find, REGION, now())

    assert not refused.value.is_missing


@pytest.mark.parametrize("header", [None, "", " "])
def test_no_signature_is_told_apart_from_a_bad_one(header):
    """API Gateway says `Missing Authentication Token`."""
    more = () if header is None else (("authorization", header),)
    request = changed(signed(), headers=(("host", "api.local"), *more))

    with pytest.raises(SignatureRefusedError) as refused:
        signer_of(request, find, REGION, now())

    assert refused.value.is_missing
