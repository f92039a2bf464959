"""A file's bytes in, its kind out, through the real model."""

import gzip
import io
import json
import zipfile

import pytest

FIELDS = [{"name": name, "hectares": 2.5, "gate": None} for name in ("north", "south", "east")]
PAGE = b"<!DOCTYPE html>\n<html><head><title>Fields</title></head><body>%s</body></html>\n"


@pytest.fixture
def codec(module):
    """Pre- and post-processing."""
    return module("file-type", "file_type_codec")


@pytest.fixture
def judge(codec, run):
    """Bytes to model to verdict."""
    return lambda content: codec.decode(
        run("file-type", [codec.encode(content)])["target_label"][0].tolist()
    )


def archive() -> bytes:
    """A zip of one file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("fields.txt", "north\nsouth\n" * 200)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "label", "mime_type"),
    [
        (archive(), "zip", "application/zip"),
        (gzip.compress(b"water " * 999, mtime=0), "gzip", "application/gzip"),
        (PAGE % (b"<p>north, <b>2 ha</b></p>\n" * 40), "html", "text/html"),
        (json.dumps({"fields": FIELDS}, indent=2).encode(), "json", "application/json"),
    ],
)
def test_files_made_on_the_spot_are_recognised(judge, content, label, mime_type):
    """Kinds that are in no golden case, written by other libraries just now."""
    verdict = judge(content)
    assert (verdict.label, verdict.mime_type) == (label, mime_type)


def test_unsure_verdict_is_a_modest_one(judge):
    """Below its threshold a text is called a text, no more."""
    verdict = judge(b"north south east west\n")
    assert (verdict.label, verdict.description) == ("txt", "Generic text document")


@pytest.mark.parametrize("content", [b"", b"short", b"   \n  x  \n"])
def test_too_little_is_refused(codec, content):
    """The model was never taught to judge a few bytes."""
    with pytest.raises(codec.TooFewBytesError, match="too few to judge"):
        codec.encode(content)


@pytest.mark.parametrize("size", [8, 1023, 1024, 1025, 2048, 4096, 4097, 100_000])
def test_input_is_the_head_and_the_tail(codec, size):
    """Any size gives 2,048 numbers; the head comes first, the tail last."""
    content = bytes(33 + i % 90 for i in range(size))
    row = codec.encode(content)
    assert len(row) == 2048
    assert bytes(row[: min(size, 1024)]) == content[:1024]
    assert bytes(row[2048 - min(size, 1024) :]) == content[-1024:]
    assert set(row[size:1024]) <= {codec.PADDING}


def test_labels_are_the_models_scores(built, codec):
    """One label for each score."""
    assert built("file-type").manifest.signature.outputs[0].shape == (-1, len(codec.LABELS))


def test_rows_may_share_a_batch(built):
    """Nothing here depends on company, and registration says so."""
    assert built("file-type").manifest.signature.batching.is_safe


def test_golden_cases_are_what_the_samples_say(built, module):
    """`python models/file-type/file_type_golden.py` was run after the last change."""
    assert (
        list(built("file-type").manifest.golden) == module("file-type", "file_type_golden").cases()
    )
