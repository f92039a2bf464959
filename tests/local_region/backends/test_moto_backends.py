"""Promise: AWS's other services answer in this process, each region its own."""

import pytest

from local_region.backends.moto_backends import MotoBackends
from local_region.errors import AccountInUseError

ENDPOINT = "http://127.0.0.1:4566"


@pytest.fixture(scope="module")
def backends():
    """One account's backends."""
    opened = MotoBackends.open(account="000000000011", region="me-central-1", endpoint=ENDPOINT)
    yield opened
    opened.close()


def test_names_carry_account_and_region(backends):
    """No ARN names moto's own account."""
    topic = backends.client("sns").create_topic(Name="alerts")["TopicArn"]

    assert topic == "arn:aws:sns:me-central-1:000000000011:alerts"


def test_queue_url_leads_to_the_endpoint(backends):
    """A client outside can use the URL as it is."""
    url = backends.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]

    assert url == f"{ENDPOINT}/000000000011/jobs"


def test_object_keeps_its_odd_name(backends):
    """Spaces, signs and letters of any script."""
    client = backends.client("s3")
    client.create_bucket(
        Bucket="odd-names", CreateBucketConfiguration={"LocationConstraint": "me-central-1"}
    )

    client.put_object(Bucket="odd-names", Key="a/ b+c%20فلج", Body=b"water")

    assert client.get_object(Bucket="odd-names", Key="a/ b+c%20فلج")["Body"].read() == b"water"


def test_signature_is_verified_with_the_public_key(backends):
    """KMS signs for real."""
    client = backends.client("kms")
    key = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signed = client.sign(KeyId=key, Message=b"manifest", SigningAlgorithm="ECDSA_SHA_256")

    verified = client.verify(
        KeyId=key,
        Message=b"manifest",
        Signature=signed["Signature"],
        SigningAlgorithm="ECDSA_SHA_256",
    )

    assert verified["SignatureValid"]


def test_regions_share_nothing(backends):
    """A second region of the process sees an account of its own."""
    backends.client("ssm").put_parameter(Name="/mine", Value="1", Type="String")
    other = MotoBackends.open(account="000000000012", region="me-central-1", endpoint=ENDPOINT)

    names = other.client("ssm").describe_parameters()["Parameters"]
    other.close()

    assert names == []


def test_closed_region_forgets():
    """The same account starts empty again."""
    first = MotoBackends.open(account="000000000013", region="me-central-1", endpoint=ENDPOINT)
    first.client("ssm").put_parameter(Name="/gone", Value="1", Type="String")
    first.close()
    second = MotoBackends.open(account="000000000013", region="me-central-1", endpoint=ENDPOINT)

    names = second.client("ssm").describe_parameters()["Parameters"]
    second.close()

    assert names == []


def test_what_one_region_forgets_another_still_holds(backends):
    """Objects are read after some other region of the process has ended."""
    where = {"CreateBucketConfiguration": {"LocationConstraint": "me-central-1"}}
    ending = MotoBackends.open(account="000000000013", region="me-central-1", endpoint=ENDPOINT)
    for name, region in (("stays", backends), ("goes", ending)):
        region.client("s3").create_bucket(Bucket=name, **where)
        region.client("s3").put_object(Bucket=name, Key="a", Body=b"water")

    ending.close()

    assert backends.client("s3").get_object(Bucket="stays", Key="a")["Body"].read() == b"water"


def test_account_is_open_once(backends):
    """Two regions on one account would mix their state."""
    with pytest.raises(AccountInUseError, match="000000000011 is already open"):
        MotoBackends.open(account=backends.account, region="me-central-1", endpoint=ENDPOINT)
