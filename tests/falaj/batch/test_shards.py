"""Every byte of an object is in one shard, and no record is parted."""

import pytest
from hypothesis import given, strategies as st

from falaj.batch.lines import lines_of
from falaj.batch.shards import Format, shards_of
from falaj.domain.objects import Listed
from falaj.errors import BatchRefusedError

PIECES = st.sampled_from([b"a", b"1,2", b'"x\ny"', b"\n", b"\r\n", b'"', b'""', b"", "ض".encode()])
CONTENTS = st.lists(PIECES, max_size=60).map(b"".join)


def _shards(name, content, size):
    listed = Listed(name=name, etag="e", size=len(content))
    return list(shards_of(listed, lambda s, e: content[s:e], first=0, shard_bytes=size))


def _lines(content, shards):
    return [
        (line.at, line.text)
        for shard in shards
        for line in lines_of(content[shard.start : shard.end], shard)
    ]


@given(content=CONTENTS, size=st.integers(1, 40), suffix=st.sampled_from(["jsonl", "csv"]))
def test_shards_hold_each_byte_once_and_the_same_records(content, size, suffix):
    """However small the shards, the records and their line numbers are those of the whole."""
    name = f"rows.{suffix}"
    shards = _shards(name, content, size)
    assert [shard.start for shard in shards] == [0, *(shard.end for shard in shards[:-1])]
    assert shards[-1].end == len(content)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert _lines(content, shards) == _lines(content, _shards(name, content, len(content) + 1))


def test_shard_ends_with_the_record_that_reaches_its_size():
    """A shard is at least as large as asked, and by less than a record larger."""
    content = b"".join(b"%09d\n" % number for number in range(100))
    ends = [shard.end for shard in _shards("r.jsonl", content, 95)]
    assert ends == [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]


def test_later_shards_of_csv_know_where_the_header_ends():
    """A worker in the middle of an object reads the header as well."""
    content = b'a,"b\nc"\n' + b"1,2\n" * 20
    later = _shards("r.csv", content, 24)[1:]
    assert {shard.header_bytes for shard in later} == {8}
    assert later[0].first_line == content[: later[0].start].count(b"\n") + 1
    assert later[0].format is Format.CSV


def test_unknown_suffix_is_refused():
    """Nobody guesses at what an object holds."""
    with pytest.raises(BatchRefusedError, match="neither JSON Lines nor CSV"):
        _shards("rows.parquet", b"PAR1", 10)
