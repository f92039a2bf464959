"""Promise: AWS's other services answer in this process, each region its own."""

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb.models import Item
from moto.s3.models import FakeKey

from local_region.backends.moto_backends import SWEPT_EVERY, MotoBackends
from local_region.errors import AccountInUseError

ENDPOINT = "http://127.0.0.1:4566"
HERE = {"CreateBucketConfiguration": {"LocationConstraint": "me-central-1"}}
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


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
    client.create_bucket(Bucket="odd-names", **HERE)

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
    ending = MotoBackends.open(account="000000000013", region="me-central-1", endpoint=ENDPOINT)
    for name, region in (("stays", backends), ("goes", ending)):
        region.client("s3").create_bucket(Bucket=name, **HERE)
        region.client("s3").put_object(Bucket=name, Key="a", Body=b"water")

    ending.close()

    assert backends.client("s3").get_object(Bucket="stays", Key="a")["Body"].read() == b"water"


def _mocked():
    with mock_aws():
        boto3.client("s3", region_name="me-central-1").create_bucket(Bucket="mocked", **HERE)


def _reset(backends):
    path = "/moto-api/reset"
    assert backends.answer(method="POST", path=path, query="", headers=(), body=b"").status == 200


@pytest.mark.parametrize("resets", [lambda _: _mocked(), _reset], ids=["mock_aws", "moto-api"])
def test_what_resets_moto_resets_no_open_region(backends, resets):
    """A region of a test session lives on in a process where other tests use moto."""
    backends.client("ssm").put_parameter(Name="/kept", Value="1", Type="String", Overwrite=True)
    backends.client("s3").create_bucket(Bucket="kept-objects", **HERE)
    backends.client("s3").put_object(Bucket="kept-objects", Key="a", Body=b"water")

    resets(backends)

    parameter = backends.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"]
    content = backends.client("s3").get_object(Bucket="kept-objects", Key="a")["Body"].read()
    backends.client("s3").delete_object(Bucket="kept-objects", Key="a")
    backends.client("s3").delete_bucket(Bucket="kept-objects")
    assert (parameter, content) == ("1", b"water")


def test_region_that_is_up_for_weeks_does_not_remember_what_it_overwrote():
    """Lists of all that moto ever made hold no object, and no more items than between sweeps."""
    region = MotoBackends.open(account="000000000014", region="me-central-1", endpoint=ENDPOINT)
    region.client("s3").create_bucket(Bucket="overwritten", **HERE)
    region.client("dynamodb").create_table(TableName="overwritten", **TABLE)

    for number in range(SWEPT_EVERY):
        if not number % 16:
            region.client("s3").put_object(Bucket="overwritten", Key="a", Body=b"water")
        region.client("dynamodb").put_item(TableName="overwritten", Item={"id": {"S": "a"}})

    objects = [key for key in FakeKey.instances_tracked if key.account_id == region.account]
    items = len(Item.instances_tracked)
    region.close()
    assert objects == []
    assert items < SWEPT_EVERY


def test_emptied_account_is_used_on():
    """Clients that were made before find nothing, and may make the same again."""
    region = MotoBackends.open(account="000000000015", region="me-central-1", endpoint=ENDPOINT)
    region.client("s3").create_bucket(Bucket="emptied", **HERE)

    region.forget()

    region.client("s3").create_bucket(Bucket="emptied", **HERE)
    found = region.client("s3").list_objects_v2(Bucket="emptied")["KeyCount"]
    region.close()
    assert found == 0


def test_account_is_open_once(backends):
    """Two regions on one account would mix their state."""
    with pytest.raises(AccountInUseError, match="000000000011 is already open"):
        MotoBackends.open(account=backends.account, region="me-central-1", endpoint=ENDPOINT)
