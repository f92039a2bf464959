"""Counters are exact, whatever arrives, and keep nothing but counts."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from falaj.drift.counting import Counters
from falaj.drift.reference import Feature, Reference, Rules, Side

RULES = Rules(window_s=3600, delta=0.1, false_alarm=0.01)


def feature(name, column, edges, *, side=Side.INPUT, tensor="x", is_category=False):
    """Make a feature without reference rows."""
    return Feature(
        name=name,
        side=side,
        tensor=tensor,
        column=column,
        is_category=is_category,
        edges=tuple(edges),
        counts=(0,) * (len(edges) + 2),
    )


def counters_of(*features, widths, datatypes):
    """Make the counters of some features."""
    return Counters(
        Reference(model="m", version=1, rules=RULES, features=features), widths, datatypes
    )


def counted_one_by_one(features, tensor):
    """Count in the way nobody can get wrong."""
    counts = [[0] * len(each.counts) for each in features]
    for row in tensor.reshape(-1, len(features)):
        for place, each in enumerate(features):
            counts[place][each.bin_of(float(row[each.column]))] += 1
    return counts


@pytest.mark.parametrize("sizes", [[1] * 600, [7, 1, 130, 64, 1], [1000]])
@pytest.mark.parametrize("datatype", ["float32", "float64", "float16", "int64", "int8", "bool"])
def test_counts_are_those_of_a_row_by_row_count(sizes, datatype):
    """One row or a thousand at a time, each value is in the bin that its edges say."""
    rng = np.random.default_rng(7)
    features = [feature(f"f{k}", k, sorted({-1.0, 0.0, 1.0, float(k)})) for k in range(5)]
    key = ("input", "x")
    counters = counters_of(*features, widths={key: 5}, datatypes={key: datatype})
    expected = np.zeros((5, 6), dtype=int)
    for size in sizes:
        tensor = (rng.normal(size=(size, 5)) * 2).astype(datatype)
        if tensor.dtype.kind == "f":
            tensor[rng.random(tensor.shape) < 0.1] = np.nan
            tensor[rng.random(tensor.shape) < 0.05] = np.inf
            tensor[rng.random(tensor.shape) < 0.05] = -np.inf
        counters.count({"x": tensor}, (), ())
        for place, counts in enumerate(counted_one_by_one(features, tensor)):
            expected[place, : len(counts)] += counts
    found, rows = counters.take()
    assert (rows, found) == (
        sum(sizes),
        [expected[k, : len(each.counts)].tolist() for k, each in enumerate(features)],
    )


def test_taking_begins_at_nought():
    """What was flushed is not flushed again."""
    key = ("input", "x")
    counters = counters_of(feature("a", 0, [0.0]), widths={key: 1}, datatypes={key: "float32"})
    counters.count({"x": np.ones((3, 1), np.float32)}, (), ())
    counters.take()
    assert counters.take() == ([[0, 0, 0]], 0)


def test_outputs_are_counted_where_they_were_asked_for():
    """A caller who asks for one output of two leaves the other's counts as they are."""
    watched = [
        feature("label", 0, [0.0, 1.0], side=Side.OUTPUT, tensor="label"),
        feature("score", 1, [0.5], side=Side.OUTPUT, tensor="scores"),
    ]
    keys = {("output", "label"): 1, ("output", "scores"): 2}
    types = {("output", "label"): "int64", ("output", "scores"): "float32"}
    counters = counters_of(*watched, widths=keys, datatypes=types)
    counters.count({}, ("scores",), (np.array([[0.1, 0.9], [0.8, 0.2]], np.float32),))
    assert counters.take() == ([[0, 0, 0, 0], [1, 1, 0]], 2)


def test_a_tensor_of_another_shape_costs_no_answer():
    """What a model returns against its own signature is not counted, and nothing is raised."""
    watched = feature("score", 1, [0.5], side=Side.OUTPUT, tensor="s")
    key = ("output", "s")
    counters = counters_of(watched, widths={key: 2}, datatypes={key: "float32"})
    counters.count({}, ("s",), (np.zeros((1, 3), np.float32),))
    counters.count({}, ("s",), (np.zeros((0, 2), np.float32),))
    assert counters.take() == ([[0, 0, 0]], 0)


def test_no_raw_value_is_kept():
    """Two rows in the same bins leave the same bytes behind."""
    key = ("input", "x")

    def state(value):
        counters = counters_of(feature("a", 0, [0.0]), widths={key: 1}, datatypes={key: "float32"})
        counters.count({"x": np.array([[value]], np.float32)}, (), ())
        tensor = counters._tensors["input"]["x"]
        return pickle.dumps({k: v for k, v in vars(tensor).items() if k != "_features"})

    assert state(12.5) == state(99.75)


def test_a_category_that_was_never_seen_has_a_bin_of_its_own():
    """Whole numbers are bins; what lies between or beyond them is apart."""
    kinds = feature("kind", 0, [1.0, 2.0, 3.0, 7.0, 8.0], is_category=True)
    assert [kinds.bin_of(value) for value in (0, 1, 2, 5, 7, 9)] == [0, 1, 2, 3, 4, 5]
    assert kinds.labels == (
        "below 1",
        "1",
        "2",
        "3 to 7",
        "7",
        "8 or more",
        "no value",
    )


def test_a_reference_is_what_it_was_written_as():
    """The file beside a manifest reads as it was written."""
    one = replace(feature("عمر", 0, [1.5]), counts=(3, 2, 1))
    reference = Reference(model="m", version=1, rules=RULES, features=(one,))
    assert Reference.from_dict(reference.to_dict()) == reference
