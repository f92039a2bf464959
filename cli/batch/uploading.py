"""Local files as a batch's source, on the local region only: uploaded beside the answers."""

from collections.abc import Iterator
from pathlib import Path

from cli.failures import MisuseError
from cli.region.connection import Connection
from cli.region.target import Target
from falaj.contract import REGION
from falaj.domain.objects import Place


def uploaded(connection: Connection, source: str, destination: Place) -> str:
    """Return a batch's source as an address, local files uploaded.

    Args:
        connection: To the region.
        source: An address, a file or a folder.
        destination: Where the answers go.

    Raises:
        MisuseError: There is no such file, or the region is AWS.
    """
    if source.startswith("s3://"):
        return source
    if connection.place.target is not Target.LOCAL:
        raise MisuseError(
            f"{source} is no s3:// address",
            mend="upload it with `aws s3 cp` and name where it lies",
        )
    path = Path(source)
    if not path.exists():
        raise MisuseError(
            f"{source}: No such file", mend="name a file, a folder or an s3:// address"
        )
    place = Place(bucket=destination.bucket, prefix=f"{destination.prefix.rstrip('/')}-input/")
    with connection.translated("take the files"):
        client = connection.client("s3")
        make_bucket(connection, destination)
        for file, name in _files(path):
            client.put_object(Bucket=place.bucket, Key=place.prefix + name, Body=file.read_bytes())
    return str(place)


def make_bucket(connection: Connection, place: Place) -> None:
    """Make a bucket of the local region, where nobody else does, if it is not there."""
    client = connection.client("s3")
    with connection.translated(f"make bucket {place.bucket}"):
        names = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
        if place.bucket not in names:
            where = {"LocationConstraint": REGION}
            client.create_bucket(Bucket=place.bucket, CreateBucketConfiguration=where)


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    if path.is_file():
        yield path, path.name
        return
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield file, file.relative_to(path).as_posix()
