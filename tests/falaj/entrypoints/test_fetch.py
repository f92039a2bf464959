"""A replica's models are put in place whole, and nothing outside their folder is touched."""

import io
import json
import zipfile

import boto3
import pytest
from moto import mock_aws

from falaj.entrypoints.fetch import EXIT_ERROR, EXIT_OK, FetchSettings, main
from falaj.errors import ConfigurationError

FILES = {"churn/1/model.onnx": b"\x08\x0a", "churn/1/manifest.json": b"{}", "serving.json": b"{}"}


def zipped(files):
    """An archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def fetched(tmp_path, content, capsys):
    """Run the command against an archive; return its exit code and what it wrote."""

    def download(bucket, key, target):
        assert (bucket, key) == ("assets", "a/b.zip")
        target.write_bytes(content)

    env = {"FALAJ_MODEL_ARCHIVE": "s3://assets/a/b.zip", "FALAJ_MODEL_ROOT": str(tmp_path / "m")}
    return main(env, download=download), capsys.readouterr()


def below(root):
    """Every file below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_archive_becomes_the_model_root(tmp_path, capsys):
    """Every file, at its place, and nothing else."""
    code, written = fetched(tmp_path, zipped(FILES), capsys)
    assert (code, below(tmp_path / "m")) == (EXIT_OK, FILES)
    assert json.loads(written.out)["files"] == 3


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_an_archive_that_leads_out_is_refused_whole(tmp_path, capsys, name):
    """A tampered archive writes not even its harmless files."""
    code, written = fetched(tmp_path, zipped(FILES | {name: b"x"}), capsys)
    assert (code, below(tmp_path)) == (EXIT_ERROR, {})
    assert "leads out of the folder" in written.err


def test_what_is_no_archive_is_refused(tmp_path, capsys):
    """The start fails with a sentence, and the task with it."""
    code, written = fetched(tmp_path, b"<Error>", capsys)
    assert code == EXIT_ERROR
    assert "it is no zip" in written.err


def test_every_fault_of_the_settings_is_named():
    """A task definition that forgot both hears of both."""
    with pytest.raises(ConfigurationError) as refused:
        FetchSettings.from_env({"FALAJ_MODEL_ARCHIVE": "https://x"})
    assert len(refused.value.faults) == 2


def test_the_archive_comes_from_s3(tmp_path, capsys, monkeypatch):
    """By boto3, which is in the image; an object that is not there is a sentence."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "me-central-1")
    with mock_aws():
        s3 = boto3.client("s3")
        place = {"LocationConstraint": "me-central-1"}
        s3.create_bucket(Bucket="assets", CreateBucketConfiguration=place)
        s3.put_object(Bucket="assets", Key="a.zip", Body=zipped(FILES))
        root = str(tmp_path / "m")
        codes = [
            main({"FALAJ_MODEL_ARCHIVE": f"s3://assets/{key}", "FALAJ_MODEL_ROOT": root})
            for key in ("a.zip", "b.zip")
        ]
    assert (codes, below(tmp_path / "m")) == ([EXIT_OK, EXIT_ERROR], FILES)
    assert "s3://assets/b.zip" in capsys.readouterr().err
