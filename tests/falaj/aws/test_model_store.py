"""Model bytes in S3 are found where the prefix says, and a missing object has a sentence."""

from io import BytesIO

import pytest
from botocore.exceptions import ClientError

from falaj.aws.model_store import s3_reader
from falaj.errors import ArtefactError
from tests.falaj import onnx_models


class Bucket:
    """As much of S3 as is asked for: objects by bucket and key, AWS's error for the rest."""

    def __init__(self, objects):
        self._objects = objects

    def get_object(self, *, Bucket, Key):  # noqa: N803 - boto3's names
        """Return an object's body."""
        if (Bucket, Key) not in self._objects:
            error = {"Code": "NoSuchKey", "Message": "The specified key does not exist."}
            raise ClientError({"Error": error}, "GetObject")
        return {"Body": BytesIO(self._objects[Bucket, Key])}


@pytest.fixture
def manifest(tmp_path):
    """Version 3 of a model."""
    return onnx_models.write_version(tmp_path, "rows", 3, onnx_models.linear())


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ("s3://models", "rows/3/model.onnx"),
        ("s3://models/", "rows/3/model.onnx"),
        ("s3://models/a/b/", "a/b/rows/3/model.onnx"),
    ],
)
def test_bytes_are_read_from_below_the_prefix(manifest, prefix, key):
    """`<prefix>/<name>/<version>/model.onnx`, with or without a folder."""
    client = Bucket({("models", key): b"bytes"})
    assert s3_reader(prefix, client=client)(manifest) == b"bytes"


def test_a_missing_object_is_named(manifest):
    """The error says which object S3 does not have."""
    with pytest.raises(ArtefactError, match=r"s3://models/rows/3/model\.onnx.*NoSuchKey"):
        s3_reader("s3://models", client=Bucket({}))(manifest)
