"""Patterns match what CloudWatch Logs says they match, and unknown ones are refused by name."""

import json

import pytest

from local_region.logs.filter_pattern import FilterPattern, FilterPatternError

LINE = json.dumps(
    {"unit": "abc", "n": 3, "flag": True, "nothing": None, "empty": "", "deep": {"er": "x[1]"}}
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", True),
        ('{ $.unit = "*" }', True),
        ('{ $.unit = "abc" }', True),
        ('{ $.unit = "a*c" }', True),
        ('{ $.unit = "b*" }', False),
        ('{ $.unit != "b*" }', True),
        ('{ $.missing = "*" }', False),
        ('{ $.missing != "x" }', False),
        ('{ $.nothing = "*" }', False),
        ('{ $.empty = "*" }', True),
        ('{ $.n = "*" }', False),
        ("{ $.n = 3 }", True),
        ("{ $.n >= 3.5 }", False),
        ("{ $.flag = 1 }", False),
        ('{ $.deep.er = "x[1]" }', True),
        ('{ $.deep.er = "x?1]" }', False),
        ('{ ($.missing = "*") || ($.n > 2) }', True),
        ('{ ($.unit = "*") && ($.n > 3) }', False),
        ('{ $.n > 3 && $.n > 3 || $.unit = "*" }', True),
        ('{ $.n > 3 && ($.n > 3 || $.unit = "*") }', False),
    ],
)
def test_a_pattern_matches_as_it_says(pattern, expected):
    """Text with stars, numbers, and, or, brackets; null is no text."""
    assert FilterPattern(pattern).matches(LINE) is expected


@pytest.mark.parametrize("line", ["START RequestId: 1", "[1]", '"unit"', "{", ""])
def test_a_line_that_is_no_object_matches_no_json_pattern(line):
    """Whatever else a function prints is not delivered."""
    assert not FilterPattern('{ $.unit = "*" }').matches(line)


@pytest.mark.parametrize(
    "pattern",
    [
        "ERROR",
        "[a, b]",
        "{ $.a }",
        "{ $.a = }",
        "{ $.a = text }",
        '{ $.a > "x" }',
        '{ ($.a = "x" }',
        '{ $.a = "x" $.b = "y" }',
        "{ $.a IS NULL }",
        "{ $.a[0] = 1 }",
        "{ }",
    ],
)
def test_what_is_not_known_is_refused(pattern):
    """A pattern that would match something else on AWS is an error, never a silent skip."""
    with pytest.raises(FilterPatternError):
        FilterPattern(pattern)
