"""Search expressions: the metrics that a graph finds by what they are called.

Known are a schema in braces and terms that must all match, exact in quotation marks or by token;
of OR, NOT and parentheses nothing is.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html, read
    2026-11-22.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from local_region.cloudwatch.expressions import ExpressionError
from local_region.cloudwatch.metrics import MetricId

LONGEST: Final = 1024
"""Characters of a search at most."""
_SEARCH: Final = re.compile(
    r"\s*SEARCH\(\s*'(?P<query>[^']*)'\s*,\s*'(?P<stat>[^']+)'\s*(?:,\s*(?P<period>\d+)\s*)?\)\s*"
)
_SCHEMA: Final = re.compile(r"\s*\{(?P<schema>[^}]*)\}\s*,?\s*")
_TERM: Final = re.compile(
    r"\s*(?:(?P<property>[A-Za-z_][\w:./-]*)\s*=\s*)?(?:\"(?P<exact>(?:[^\"\\]|\\.)*)\""
    r"|(?P<partial>[^\s\"()=]+))\s*"
)
_OPERATORS: Final = frozenset({"OR", "NOT"})
_TOKEN: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Term(NamedTuple):
    """Something that a metric must match.

    Attributes:
        property: `MetricName`, `Namespace` or a dimension's name; empty for any of these.
        text: What is looked for.
        is_exact: Whether it must be all of it.
    """

    property: str
    text: str
    is_exact: bool

    def matches(self, metric: MetricId) -> bool:
        """Say whether a metric matches."""
        return any(self._matches(text) for text in self._candidates(metric))

    def _candidates(self, metric: MetricId) -> Iterator[str]:
        known = {"MetricName": metric.name, "Namespace": metric.namespace}
        known |= dict(metric.dimensions)
        if self.property:
            if self.property in known:
                yield known[self.property]
            return
        yield from known.values()
        yield from (name for name, _ in metric.dimensions)

    def _matches(self, text: str) -> bool:
        if self.is_exact:
            return text == self.text
        wanted, found = _TOKEN.findall(self.text), _TOKEN.findall(text)
        if len(wanted) == 1:
            lowered = self.text.lower()
            return lowered in {token.lower() for token in found} or lowered == text.lower()
        size = len(wanted)
        return any(found[i : i + size] == wanted for i in range(len(found) - size + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search looks for.

    Attributes:
        namespace: The namespace; empty where the search has no schema.
        dimensions: Exactly the dimensions that a metric has; None where any will do.
        terms: All of which a metric must match.
        stat: The statistic of what is found.
        period_s: Of a datapoint; None to take the graph's.
    """

    namespace: str
    dimensions: frozenset[str] | None
    terms: tuple[Term, ...]
    stat: str
    period_s: int | None

    @classmethod
    def read(cls, expression: str) -> Self:
        """Read a search.

        Raises:
            ExpressionError: It is none, or uses what is not known here.
        """
        found = _SEARCH.fullmatch(expression)
        if found is None:
            raise ExpressionError(expression, "only a whole SEARCH('…', 'stat', period) is known")
        query = found["query"]
        if len(query) > LONGEST:
            raise ExpressionError(expression, f"a search has at most {LONGEST} characters")
        namespace, dimensions = "", None
        if schema := _SCHEMA.match(query):
            names = [name.strip().strip('"') for name in schema["schema"].split(",")]
            namespace = names[0]
            # A schema of a namespace alone asks for no particular dimensions.
            dimensions = frozenset(names[1:]) or None
            query = query[schema.end() :]
        period = found["period"]
        return cls(
            namespace=namespace,
            dimensions=dimensions,
            terms=tuple(_terms(expression, query)),
            stat=found["stat"],
            period_s=int(period) if period else None,
        )

    def matches(self, metric: MetricId) -> bool:
        """Say whether a metric is one that is looked for."""
        if self.namespace and metric.namespace != self.namespace:
            return False
        if self.dimensions is not None:
            names = {name for name, _ in metric.dimensions}
            if names != self.dimensions:
                return False
        return all(term.matches(metric) for term in self.terms)

    def among(self, metrics: Iterable[MetricId]) -> list[MetricId]:
        """Return what is found, in a steady order."""
        found = [metric for metric in metrics if self.matches(metric)]
        return sorted(found, key=lambda metric: (metric.name, _ordered(metric)))


def is_search(expression: str) -> bool:
    """Whether an expression has a search in it."""
    return "SEARCH(" in expression


def _terms(expression: str, query: str) -> Iterator[Term]:
    position = 0
    while position < len(query):
        found = _TERM.match(query, position)
        if found is None or found["partial"] in _OPERATORS:
            raise ExpressionError(expression, f"cannot read {query[position:].strip()[:30]!r} here")
        position = found.end()
        if found["partial"] == "AND" and not found["property"]:
            continue
        exact = found["exact"]
        text = found["partial"] if exact is None else re.sub(r"\\(.)", r"\1", exact)
        yield Term(found["property"] or "", text, exact is not None)


def _ordered(metric: MetricId) -> list[tuple[str, int, str]]:
    """Order by dimensions, numbers by their size: version 9 comes before version 10."""
    return [
        (name, int(value) if value.isdecimal() else 0, value)
        for name, value in sorted(metric.dimensions)
    ]
