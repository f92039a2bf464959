"""Metric math: the expressions an alarm may watch, over series and scalars.

Source:
    docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from local_region.cloudwatch.metrics import Series

Value = float | Series | list["Value"]
"""A scalar, a series, or an array of series."""


class ExpressionError(ValueError):
    """An expression that CloudWatch would refuse, or that this region does not compute."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"metric math {expression!r}: {reason}")
        self.expression, self.reason = expression, reason


# ---------------------------------------------------------------------- tokens
class _Token(NamedTuple):
    kind: str
    text: str


_TOKENS: Final = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))"
)


@lru_cache(maxsize=256)  # an alarm's expression is the same at every evaluation
def _tokens(expression: str) -> tuple[_Token, ...]:
    found, position = [], 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise ExpressionError(expression, f"cannot read {text[position:].strip()[:20]!r}")
        kind = match.lastgroup or ""
        token = match.group(kind)
        if token in {"AND", "OR"}:
            kind, token = "operator", {"AND": "&&", "OR": "||"}[token]
        found.append(_Token(kind, token))
        position = match.end()
    return tuple(found)


# ------------------------------------------------------------------ arithmetic
def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _power(left: float, right: float) -> float | None:
    try:
        result = left**right
    except (OverflowError, ZeroDivisionError):
        return None
    return result if isinstance(result, float) and math.isfinite(result) else None


def _truth(compare: Callable[[float, float], bool]) -> Callable[[float, float], float]:
    return lambda left, right: 1.0 if compare(left, right) else 0.0


_OPERATORS: Final[dict[str, Callable[[float, float], float | None]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _power,
    "==": _truth(operator.eq),
    "!=": _truth(operator.ne),
    "<": _truth(operator.lt),
    "<=": _truth(operator.le),
    ">": _truth(operator.gt),
    ">=": _truth(operator.ge),
    "&&": _truth(lambda left, right: bool(left and right)),
    "||": _truth(lambda left, right: bool(left or right)),
}
_PRECEDENCE: Final = {
    **dict.fromkeys(["||"], 1),
    **dict.fromkeys(["&&"], 2),
    **dict.fromkeys(["==", "!=", "<", "<=", ">", ">="], 3),
    **dict.fromkeys(["+", "-"], 4),
    **dict.fromkeys(["*", "/"], 5),
    "^": 7,
}
_UNARY_PRECEDENCE: Final = 6


def combine(function: Callable[[float, float], float | None], left: Value, right: Value) -> Value:
    """Apply a binary operation; a period missing on either side, or undefined, stays missing."""
    if isinstance(left, list):
        return [combine(function, item, right) for item in left]
    if isinstance(right, list):
        return [combine(function, left, item) for item in right]
    if isinstance(left, dict) or isinstance(right, dict):
        periods = _periods(left, right)
        pairs = ((at, function(_at(left, at), _at(right, at))) for at in periods)
        return {at: value for at, value in pairs if value is not None}
    result = function(left, right)
    return math.nan if result is None else result


def _periods(*values: float | Series) -> list[int]:
    """Periods present in every series among the values."""
    series = [set(value) for value in values if isinstance(value, dict)]
    return sorted(set.intersection(*series)) if series else []


def _at(value: float | Series, period: int) -> float:
    return value[period] if isinstance(value, dict) else value


# ------------------------------------------------------------------- functions
@dataclass(frozen=True, slots=True)
class _Call:
    """What a function may look at besides its arguments."""

    expression: str
    name: str
    periods: Sequence[int]

    def refuse(self, reason: str) -> ExpressionError:
        return ExpressionError(self.expression, f"{self.name}: {reason}")


def _elementwise(function: Callable[[float], float | None]) -> Callable[..., Value]:
    def apply(call: _Call, value: Value) -> Value:
        if isinstance(value, list):
            return [apply(call, item) for item in value]
        if isinstance(value, dict):
            results = ((at, function(item)) for at, item in value.items())
            return {at: item for at, item in results if item is not None}
        result = function(value)
        return math.nan if result is None else result

    return apply


def _aggregate(function: Callable[[Sequence[float]], float]) -> Callable[..., Value]:
    """Over an array: per period, of the members that have it. Over one series: its scalar."""

    def apply(call: _Call, value: Value) -> Value:
        if isinstance(value, dict):
            return function(list(value.values())) if value else math.nan
        if not isinstance(value, list):
            raise call.refuse("takes a series or an array")
        scalars = [item for item in value if isinstance(item, float)]
        series = [item for item in value if isinstance(item, dict)]
        if not series:
            return function(scalars)
        periods = sorted(set().union(*series))
        return {
            at: function([item[at] for item in series if at in item] + scalars) for at in periods
        }

    return apply


def _log(base: Callable[[float], float]) -> Callable[[float], float | None]:
    return lambda value: base(value) if value > 0 else None


def _if(call: _Call, condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise call.refuse("arrays are not taken")
    if not isinstance(condition, dict):
        chosen = then if condition else otherwise
        return {} if chosen is None else chosen
    chosen_by_period: Series = {}
    for at, truth in condition.items():
        branch = then if truth else otherwise
        if isinstance(branch, dict):
            if at in branch:
                chosen_by_period[at] = branch[at]
        elif branch is not None:
            chosen_by_period[at] = branch
    return chosen_by_period


def _fill(call: _Call, value: Value, by: Value) -> Value:
    if isinstance(value, list):
        return [_fill(call, item, by) for item in value]
    if not isinstance(value, dict) or isinstance(by, list):
        raise call.refuse("takes a series, then a number, a series or REPEAT")
    if by is _REPEAT:
        return _repeated(value, call.periods)
    filler = by if isinstance(by, dict) else dict.fromkeys(call.periods, by)
    known = {**filler, **value}
    return {at: known[at] for at in call.periods if at in known}


def _repeated(series: Series, periods: Sequence[int]) -> Series:
    filled: Series = {}
    last: float | None = None
    for at in periods:
        last = series.get(at, last)
        if last is not None:
            filled[at] = last
    return filled


def _time_series(call: _Call, value: Value) -> Value:
    if isinstance(value, list):
        raise call.refuse("takes a number")
    return value if isinstance(value, dict) else dict.fromkeys(call.periods, value)


_FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "ABS": _elementwise(abs),
    "AVG": _aggregate(lambda values: math.fsum(values) / len(values)),
    "CEIL": _elementwise(lambda value: float(math.ceil(value))),
    "FILL": _fill,
    "FLOOR": _elementwise(lambda value: float(math.floor(value))),
    "IF": _if,
    "LOG": _elementwise(_log(math.log)),
    "LOG10": _elementwise(_log(math.log10)),
    "MAX": _aggregate(max),
    "MIN": _aggregate(min),
    "SUM": _aggregate(math.fsum),
    "TIME_SERIES": _time_series,
}
_REPEAT: Final[Series] = {}
"""Stands for the keyword REPEAT, which only FILL takes; told from a series by identity."""


# ---------------------------------------------------------------------- parser
class _Evaluation:
    """One pass over the tokens: precedence climbing, evaluating as it reads."""

    def __init__(
        self, expression: str, variables: Mapping[str, Series], periods: Sequence[int]
    ) -> None:
        self._expression, self._variables, self._periods = expression, variables, periods
        self._tokens = _tokens(expression)
        self._position = 0

    def result(self) -> Value:
        value = self._expression_from(0)
        if self._position < len(self._tokens):
            raise self._refuse(f"unexpected {self._tokens[self._position].text!r}")
        return value

    def _refuse(self, reason: str) -> ExpressionError:
        return ExpressionError(self._expression, reason)

    def _peek(self) -> str | None:
        if self._position < len(self._tokens):
            return self._tokens[self._position].text
        return None

    def _take(self) -> _Token:
        if self._position >= len(self._tokens):
            raise self._refuse("ends too early")
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text:
            raise self._refuse(f"expected {text!r}, got {token.text!r}")

    def _expression_from(self, lowest: int) -> Value:
        left = self._operand()
        while (sign := self._peek()) in _PRECEDENCE and _PRECEDENCE[sign] >= lowest:
            self._take()
            right = self._expression_from(_PRECEDENCE[sign] + 1)
            left = combine(_OPERATORS[sign], left, right)
        return left

    def _operand(self) -> Value:
        token = self._take()
        if token.kind == "number":
            return float(token.text)
        if token.kind == "name":
            return self._named(token.text)
        if token.text == "-":
            return combine(operator.mul, -1.0, self._expression_from(_UNARY_PRECEDENCE))
        if token.text == "(":
            value = self._expression_from(0)
            self._expect(")")
            return value
        if token.text == "[":
            return self._list_until("]")
        raise self._refuse(f"unexpected {token.text!r}")

    def _list_until(self, closing: str) -> list[Value]:
        items: list[Value] = []
        while True:
            items.append(self._expression_from(0))
            token = self._take()
            if token.text == closing:
                return items
            if token.text != ",":
                raise self._refuse(f"expected ',' or {closing!r}, got {token.text!r}")

    def _named(self, name: str) -> Value:
        if self._peek() == "(":
            return self._called(name)
        if name in self._variables:
            return self._variables[name]
        if name == "REPEAT":
            return _REPEAT
        raise self._refuse(f"no metric has the id {name!r}")

    def _called(self, name: str) -> Value:
        self._expect("(")
        if name == "METRICS":
            self._expect(")")
            return list(self._variables.values())
        if name not in _FUNCTIONS:
            raise self._refuse(
                f"the function {name} is not computed here; known: {', '.join(sorted(_FUNCTIONS))}"
            )
        arguments = self._list_until(")")
        call = _Call(self._expression, name, self._periods)
        try:
            return _FUNCTIONS[name](call, *arguments)
        except TypeError as error:
            raise self._refuse(f"{name} does not take {len(arguments)} arguments") from error


def evaluate(expression: str, variables: Mapping[str, Series], periods: Sequence[int]) -> Series:
    """Compute an expression as a series.

    Args:
        expression: Metric math, such as `IF(r > 0, b / r)`.
        variables: The series of each id; a period without data has no entry.
        periods: Starts of all periods of the range, ascending, for FILL and for scalars.

    Raises:
        ExpressionError: It cannot be read, names an unknown id or function, or is no single series.

    Example:
        >>> evaluate("IF(r > 0, 100 * b / r)", {"b": {0: 1.0}, "r": {0: 4.0, 60: 3.0}}, [0, 60])
        {0: 25.0}
    """
    value = _Evaluation(expression, variables, periods).result()
    if isinstance(value, list):
        raise ExpressionError(expression, "gives an array, an alarm watches a single series")
    if isinstance(value, dict):
        return value
    return {} if math.isnan(value) else dict.fromkeys(periods, value)
