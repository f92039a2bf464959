"""The cache holds what it may, forgets the rest, and confuses no two requests."""

from types import SimpleNamespace

import numpy as np
import pytest

from falaj.cache.responses import ResponseCache, key_of


def asked(outputs=("y",), **inputs):
    """A request."""
    return SimpleNamespace(inputs=inputs, output_names=outputs)


def test_everything_an_answer_depends_on_is_in_its_key():
    """Digest, tenant, names, types, shapes, values and outputs each make another key."""
    ones = np.ones((2, 2), np.float32)
    keys = [
        key_of("d", "t", asked(x=ones)),
        key_of("e", "t", asked(x=ones)),
        key_of("d", "u", asked(x=ones)),
        key_of("d", "t", asked(z=ones)),
        key_of("d", "t", asked(x=ones.astype(np.float64))),
        key_of("d", "t", asked(x=ones.reshape(4))),
        key_of("d", "t", asked(x=ones * 2)),
        key_of("d", "t", asked(("z",), x=ones)),
        key_of("d", "t", asked(x=np.array(["ab", "c"], dtype=object))),
        key_of("d", "t", asked(x=np.array(["a", "bc"], dtype=object))),
        key_of("d", "t", asked(x=np.zeros((0, 2), np.float32))),
        key_of("d", "t", asked(x=np.array(1.0, np.float32))),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of("d", "t", asked(x=np.asfortranarray(ones))) == keys[0]


def test_the_least_recently_used_leaves_first():
    """The bound is in bytes, and what is asked for stays."""
    cache = ResponseCache(3 * (512 + 800))
    for name in (b"a", b"b", b"c"):
        cache.put(name, [np.zeros(100)])
    assert cache.get(b"a") is not None
    cache.put(b"d", [np.zeros(100)])
    assert [cache.get(name) is not None for name in (b"a", b"b", b"c", b"d")] == [
        True, False, True, True,
    ]  # fmt: skip
    assert cache.held_bytes <= cache.limit_bytes


def test_what_is_too_large_is_not_kept():
    """One answer never empties the cache."""
    cache = ResponseCache(2000)
    cache.put(b"small", [np.zeros(10)])
    cache.put(b"large", [np.zeros(1000)])
    assert (cache.get(b"small") is not None, cache.get(b"large")) == (True, None)


def test_kept_answers_do_not_change():
    """They are copies, and cannot be written to."""
    cache, given = ResponseCache(10_000), np.zeros(3)
    cache.put(b"k", [given])
    given[0] = 9
    kept = cache.get(b"k")[0]
    assert kept[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        kept[0] = 1


def test_a_cache_of_nothing_is_refused():
    """Off is off, not a cache of size 0."""
    with pytest.raises(ValueError, match="leave it off"):
        ResponseCache(0)


def test_an_answer_is_given_for_so_long():
    """Afterwards it is asked anew, and holds no room."""
    now = 0.0
    cache = ResponseCache(10_000, ttl_s=300, clock_s=lambda: now)
    cache.put(b"a", [np.zeros(3)])
    now = 299.0
    assert cache.get(b"a") is not None
    now = 300.0
    assert cache.get(b"a") is None
    assert (len(cache), cache.held_bytes) == (0, 0)
