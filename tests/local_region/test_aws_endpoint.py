"""Promise: a call reaches the service it is signed for, and nonsense takes nothing down."""

import asyncio
import urllib.request

import boto3
import pytest

from local_region.aws_endpoint import AwsEndpoint, signing_name
from local_region.backends.moto_backends import MotoBackends
from local_region.gateway.messages import Request, Response


def request(path="/", query="", method="GET", **headers):
    """A request with these headers, underscores for dashes."""
    return Request(
        method=method,
        path=path,
        query=query,
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        body=b"",
        source_ip="127.0.0.1",
    )


def signed(service):
    """An Authorization header as SigV4 writes it."""
    return (
        f"AWS4-HMAC-SHA256 Credential=any/20261122/me-central-1/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )


@pytest.mark.parametrize(
    ("asked", "service"),
    [
        (request(authorization=signed("lambda")), "lambda"),
        (request(authorization=signed("States")), "states"),
        (
            request(query="X-Amz-Credential=any%2F20261122%2Fme-central-1%2Fsqs%2Faws4_request"),
            "sqs",
        ),
        (request(path="/2015-03-31/functions/f/invocations"), "lambda"),
        (request(path="/bucket/key"), "s3"),
        (request(authorization="Bearer x"), "s3"),
    ],
)
def test_signature_names_the_service(asked, service):
    """Header, presigned query, and what is left for unsigned calls."""
    assert signing_name(asked) == service


def test_own_service_answers_before_moto():
    """Lambda's calls go to our strict service."""

    async def own(_):
        return Response(status=299, headers=(), body=b"ours")

    async def ask():
        backends = MotoBackends.open(
            account="000000000021", region="me-central-1", endpoint="http://127.0.0.1"
        )
        endpoint = AwsEndpoint(backends, {"lambda": own})
        answer = await endpoint.answer(request(authorization=signed("lambda")))
        endpoint.close()
        backends.close()
        return answer

    assert asyncio.run(ask()).status == 299


@pytest.fixture(scope="module")
def running(open_region, tmp_path_factory):
    """A region without stacks worth mentioning."""
    from tests.local_region.handwritten import Assembly

    return open_region(Assembly(tmp_path_factory.mktemp("out")).stack("S", {}).folder)


def test_presigned_url_is_served(running):
    """A link made by boto3 works without boto3."""
    client = boto3.client(
        "s3",
        endpoint_url=running.region.aws_url,
        region_name="me-central-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    client.create_bucket(
        Bucket="links", CreateBucketConfiguration={"LocationConstraint": "me-central-1"}
    )
    client.put_object(Bucket="links", Key="a", Body=b"water")
    link = client.generate_presigned_url("get_object", Params={"Bucket": "links", "Key": "a"})

    with urllib.request.urlopen(link) as answer:  # noqa: S310 - our own address
        assert answer.read() == b"water"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": signed("dynamodb")},
        {"Authorization": signed("nobody")},
        {"Authorization": signed("ssm"), "X-Amz-Target": "AmazonSSM.Frobnicate"},
        {"Authorization": signed("sqs"), "X-Amz-Target": "\x01"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=////"},
        {"x-moto-account-id": "999999999999"},
    ],
)
def test_nonsense_is_survived(running, headers):
    """Whatever the answer, the next call is served."""
    address = urllib.request.Request(  # noqa: S310 - our own address
        running.region.aws_url + "/x?y", data=b"\xff{", headers=headers, method="POST"
    )
    try:
        urllib.request.urlopen(address, timeout=20).close()  # noqa: S310
    except (urllib.error.HTTPError, OSError, ValueError) as refusal:
        getattr(refusal, "close", lambda: None)()

    names = running.region.backends.client("ssm").describe_parameters()["Parameters"]
    assert names == []
