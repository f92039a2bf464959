"""Promise: a search finds what CloudWatch's would, and says what it does not know."""

import pytest

from local_region.cloudwatch.expressions import ExpressionError
from local_region.cloudwatch.metrics import MetricId
from local_region.cloudwatch.search import Search


def metric(name="Requests", namespace="Falaj", **dimensions):
    """Make a metric."""
    return MetricId.of(namespace, name, dimensions)


def finds(terms, *metrics, schema="Falaj,Model"):
    """Return the dimensions of what a search finds."""
    search = Search.read(f"SEARCH('{{{schema}}} {terms}', 'Sum', 60)")
    return [dict(found.dimensions) for found in search.among(metrics)]


def test_a_schema_asks_for_exactly_its_dimensions():
    """A model's sum is not drawn beside its releases'."""
    by_model, by_release = metric(Model="a"), metric(Model="a", Release="1")

    assert finds("", by_model, by_release) == [{"Model": "a"}]
    assert finds("", by_model, by_release, schema="Falaj,Release,Model") == [
        {"Model": "a", "Release": "1"}
    ]


def test_another_namespace_is_not_found():
    """Strangers of the same name stay out."""
    assert finds("", metric(namespace="Other", Model="a")) == []


def test_an_exact_term_matches_whole_values_alone():
    """Model `a` is not model `a-b`."""
    models = metric(Model="a"), metric(Model="a-b")

    assert finds('MetricName="Requests" Model="a"', *models) == [{"Model": "a"}]


@pytest.mark.parametrize(
    ("term", "is_found"),
    [
        ("FunctionName=FalajRollouts", True),
        ("FunctionName=falajrollouts", False),
        ("FunctionName=rollouts", True),
        ("FunctionName=Falaj", True),
        ("FunctionName=FalajRoll", False),
        ("FunctionName=Audit", False),
        ("Rollouts AND Controller", True),
        ("Rollouts Audit", False),
    ],
)
def test_partial_terms_match_tokens_as_documented(term, is_found):
    """One token in any case, several in a row in their own."""
    named = metric("Errors", "AWS/Lambda", FunctionName="FalajRollouts-ControllerResource-1AB")

    assert bool(finds(term, named, schema="AWS/Lambda,FunctionName")) is is_found


@pytest.mark.parametrize(
    ("name", "term", "is_found"),
    [
        ("CustomCount1", "count", True),
        ("CustomCount1", "COUNT", True),
        ("CustomCount1", "couNT", False),
        ("CustomCount1", "CustomCount", True),
        ("CustomCount1", "customcount", False),
        ("CustomCount1", "Count1", True),
        ("SDBFailure", "sdb", True),
        ("Project2-trial333", "trial333", True),
    ],
)
def test_the_documents_own_examples(name, term, is_found):
    """search-expression-syntax.html, Tokenization and Partial matches."""
    assert bool(finds(term, metric(name, Model="m"))) is is_found


def test_versions_are_in_the_order_of_their_numbers():
    """Version 9 before version 10: lines keep their colours while versions come."""
    schema = "Falaj,Model,Release"
    found = finds("", *(metric(Model="a", Release=r) for r in ("10", "9")), schema=schema)

    assert [each["Release"] for each in found] == ["9", "10"]


@pytest.mark.parametrize(
    "expression",
    [
        "SUM(SEARCH('{Falaj,Model}', 'Sum', 60))",
        "SEARCH('{Falaj,Model} NOT a', 'Sum', 60)",
        "SEARCH('{Falaj,Model} a OR b', 'Sum', 60)",
        "SEARCH('{Falaj,Model} (a)', 'Sum', 60)",
        f"SEARCH('{{Falaj,Model}} {'a' * 1024}', 'Sum', 60)",
    ],
)
def test_what_is_not_known_is_refused(expression):
    """Never a line that is not what CloudWatch would draw."""
    with pytest.raises(ExpressionError):
        Search.read(expression)
