"""What a rule's statement matches.

Source:
    docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-wafv2-webacl-statement.html
    and docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html, both read
    2026-11-22.
"""

import operator
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from local_region.gateway.messages import Request
from local_region.waf.inspected import read_part
from local_region.waf.rates import read_rate

Matches: TypeAlias = Callable[[Request, float], bool]
"""Whether a request at a time, in seconds since 1970, is what a statement describes."""

_COMPARISONS: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "EQ": operator.eq,
    "GE": operator.ge,
    "GT": operator.gt,
    "LE": operator.le,
    "LT": operator.lt,
    "NE": operator.ne,
}


def read_statement(statement: Mapping[str, Any]) -> Matches:
    """Read a statement.

    Raises:
        ValueError: It is of a kind, or says something, that is not known here.
    """
    (kind, said), *more = dict(statement).items() or [("", {})]
    if more or kind not in _READERS:
        raise ValueError(f"the statement {', '.join(statement) or 'of nothing'} is not known here")
    return _READERS[kind](said)


def _size(said: Mapping[str, Any]) -> Matches:
    part, compare = read_part(said), _COMPARISONS.get(str(said.get("ComparisonOperator")))
    if compare is None:
        raise ValueError(f"ComparisonOperator {said.get('ComparisonOperator')!r} is not known here")
    size = int(said["Size"])
    return lambda request, _: any(compare(len(value), size) for value in part(request))


def _regex(said: Mapping[str, Any]) -> Matches:
    part = read_part(said)
    try:
        pattern = re.compile(str(said["RegexString"]).encode())
    except re.error as error:
        raise ValueError(f"RegexString is not understood here: {error}") from error
    return lambda request, _: any(pattern.search(value) for value in part(request))


def _bytes(said: Mapping[str, Any]) -> Matches:
    part, where = read_part(said), str(said.get("PositionalConstraint"))
    if "SearchStringBase64" in said:
        wanted = b64decode(said["SearchStringBase64"])
    else:
        wanted = str(said["SearchString"]).encode()
    finds = _POSITIONS.get(where)
    if finds is None:
        raise ValueError(f"PositionalConstraint {where} is not known here")
    return lambda request, _: any(finds(value, wanted) for value in part(request))


_POSITIONS: Final[Mapping[str, Callable[[bytes, bytes], bool]]] = {
    "CONTAINS": lambda value, wanted: wanted in value,
    "ENDS_WITH": bytes.endswith,
    "EXACTLY": operator.eq,
    "STARTS_WITH": bytes.startswith,
}


def _all(said: Mapping[str, Any]) -> Matches:
    inner = [read_statement(each) for each in said["Statements"]]
    return lambda request, now: all(each(request, now) for each in inner)


def _any(said: Mapping[str, Any]) -> Matches:
    inner = [read_statement(each) for each in said["Statements"]]
    return lambda request, now: any(each(request, now) for each in inner)


def _not(said: Mapping[str, Any]) -> Matches:
    inner = read_statement(said["Statement"])
    return lambda request, now: not inner(request, now)


def _rate(said: Mapping[str, Any]) -> Matches:
    rate, scope = read_rate(said), said.get("ScopeDownStatement")
    counted = read_statement(scope) if scope else None

    def matches(request: Request, now: float) -> bool:
        return (counted is None or counted(request, now)) and rate.is_over(request.source_ip, now)

    return matches


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Matches]]] = {
    "AndStatement": _all,
    "ByteMatchStatement": _bytes,
    "NotStatement": _not,
    "OrStatement": _any,
    "RateBasedStatement": _rate,
    "RegexMatchStatement": _regex,
    "SizeConstraintStatement": _size,
}
