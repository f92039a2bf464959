"""Assignment agrees with every vector GrowthBook publishes."""

import json
from pathlib import Path

import pytest

from falaj.experiments import bucket, bucket_ranges, choose_variation, in_namespace
from falaj.experiments.hashing import fnv1a32

CASES = json.loads(Path(__file__).with_name("data").joinpath("growthbook-cases.json").read_text())


@pytest.mark.parametrize(("seed", "subject", "version", "expected"), CASES["hash"])
def test_hash_vector(seed, subject, version, expected):
    """A subject lands where every other GrowthBook client puts it."""
    assert bucket(seed, subject, version) == expected


@pytest.mark.parametrize(("seed", "subject", "version", "expected"), CASES["hash"])
def test_hash_vector_letter_by_letter(seed, subject, version, expected):
    """The loop that stands in for the C hash keeps to the same vectors."""
    if version == 2:
        inner = fnv1a32(seed + subject, quick=None)
        assert fnv1a32(str(inner), quick=None) % 10_000 / 10_000 == expected
    elif version == 1:
        assert fnv1a32(subject + seed, quick=None) % 1_000 / 1_000 == expected


@pytest.mark.parametrize(("name", "given", "expected"), CASES["getBucketRange"])
def test_bucket_range_vector(name, given, expected):
    """Ranges start and end where GrowthBook's do."""
    count, coverage, weights = given

    actual = bucket_ranges(count, coverage, weights)

    assert [tuple(round(edge, 9) for edge in pair) for pair in actual] == [
        tuple(pair) for pair in expected
    ], name


@pytest.mark.parametrize(("name", "place", "ranges", "expected"), CASES["chooseVariation"])
def test_choose_variation_vector(name, place, ranges, expected):
    """A range holds its start and not its end."""
    assert choose_variation(place, ranges) == expected, name


@pytest.mark.parametrize(("name", "subject", "namespace", "expected"), CASES["inNamespace"])
def test_namespace_vector(name, subject, namespace, expected):
    """Mutual exclusion cuts where GrowthBook cuts."""
    assert in_namespace(subject, *namespace) is expected, name


def test_hash_defaults_to_version_2():
    """Nobody gets the correlated version 1 by leaving a word out."""
    assert bucket("seed", "a") == bucket("seed", "a", 2)


def test_hash_runs_over_code_points_of_arabic():
    """An Arabic name is hashed as GrowthBook's Python client hashes it: by code point."""
    state = 0x811C9DC5
    for character in "سارة":
        state = (state ^ ord(character)) * 0x01000193 % 2**32

    assert fnv1a32("سارة") == state
