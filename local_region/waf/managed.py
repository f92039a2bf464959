"""AWS's managed rule groups, as far as their documentation says what they match.

AWS keeps the patterns to itself and documents examples: those are matched here and no more, so what
passes here may be refused by AWS. A rule that would refuse everybody on one's own machine, or whose
pattern is not documented at all, is named in `NOT_HERE`.

Source:
    docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html and
    …/aws-managed-rule-groups-ip-rep.html, read 2026-11-22.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from local_region.gateway.messages import Request
from local_region.waf.inspected import (
    Part,
    all_headers,
    body,
    header,
    method,
    path,
    query_arguments,
    query_string,
    transformed,
)

Finds = Callable[[Request], bool]

LONGEST_QUERY_BYTES: Final = 2048
LONGEST_COOKIE_BYTES: Final = 10_240
LONGEST_BODY_BYTES: Final = 8192
LONGEST_PATH_BYTES: Final = 1024

COMMON: Final = "AWSManagedRulesCommonRuleSet"
BAD_INPUTS: Final = "AWSManagedRulesKnownBadInputsRuleSet"
REPUTATION: Final = "AWSManagedRulesAmazonIpReputationList"

_COOKIE: Final = header("cookie")
_LFI: Final = rb"\.\./\.\./"
_RFI: Final = rb"(?:https?|ftps?|file)://\d{1,3}(?:\.\d{1,3}){3}"
_XSS: Final = rb"<script\b"
_EXTENSION: Final = rb"\.(?:log|ini)(?:$|[/?])"
_JAVA: Final = rb"\(?java\.lang\.Runtime\)?\.getRuntime\(\)\.exec\("
_LOG4J: Final = rb"\$\{jndi:"


def _longer(part: Part, size: int) -> Finds:
    return lambda request: any(len(value) > size for value in part(request))


def _contains(part: Part, pattern: bytes) -> Finds:
    """Match a pattern, in any case, in what was sent and in what its percent signs stand for."""
    compiled, decoded = re.compile(pattern, re.IGNORECASE), transformed(part, "URL_DECODE")

    def finds(request: Request) -> bool:
        values = part(request)
        if any(b"%" in value for value in values):
            values += decoded(request)
        return any(compiled.search(value) for value in values)

    return finds


GROUPS: Final[Mapping[str, Mapping[str, Finds]]] = {
    COMMON: {
        "NoUserAgent_HEADER": lambda request: not request.header("user-agent"),
        "UserAgent_BadBots_HEADER": _contains(header("user-agent"), rb"nessus|nmap"),
        "SizeRestrictions_QUERYSTRING": _longer(query_string, LONGEST_QUERY_BYTES),
        "SizeRestrictions_Cookie_HEADER": _longer(_COOKIE, LONGEST_COOKIE_BYTES),
        "SizeRestrictions_BODY": lambda request: len(request.body) > LONGEST_BODY_BYTES,
        "SizeRestrictions_URIPATH": _longer(path, LONGEST_PATH_BYTES),
        "GenericLFI_QUERYARGUMENTS": _contains(query_arguments, _LFI),
        "GenericLFI_URIPATH": _contains(path, _LFI),
        "GenericLFI_BODY": _contains(body, _LFI),
        "RestrictedExtensions_URIPATH": _contains(path, _EXTENSION),
        "RestrictedExtensions_QUERYARGUMENTS": _contains(query_arguments, _EXTENSION),
        "GenericRFI_QUERYARGUMENTS": _contains(query_arguments, _RFI),
        "GenericRFI_BODY": _contains(body, _RFI),
        "GenericRFI_URIPATH": _contains(path, _RFI),
        "CrossSiteScripting_COOKIE": _contains(_COOKIE, _XSS),
        "CrossSiteScripting_QUERYARGUMENTS": _contains(query_arguments, _XSS),
        "CrossSiteScripting_BODY": _contains(body, _XSS),
        "CrossSiteScripting_URIPATH": _contains(path, _XSS),
    },
    BAD_INPUTS: {
        "JavaDeserializationRCE_HEADER": _contains(all_headers, _JAVA),
        "JavaDeserializationRCE_BODY": _contains(body, _JAVA),
        "JavaDeserializationRCE_URIPATH": _contains(path, _JAVA),
        "JavaDeserializationRCE_QUERYSTRING": _contains(query_string, _JAVA),
        "PROPFIND_METHOD": lambda request: method(request) == (b"PROPFIND",),
        "ExploitablePaths_URIPATH": _contains(path, rb"/web-inf(?:/|$)"),
        "Log4JRCE_HEADER": _contains(all_headers, _LOG4J),
        "Log4JRCE_QUERYSTRING": _contains(query_string, _LOG4J),
        "Log4JRCE_BODY": _contains(body, _LOG4J),
        "Log4JRCE_URIPATH": _contains(path, _LOG4J),
    },
    REPUTATION: {},
}
"""What each rule finds; each of them blocks unless a web ACL says otherwise."""

NOT_HERE: Final[Mapping[str, Mapping[str, str]]] = {
    COMMON: dict.fromkeys(
        (
            "EC2MetaDataSSRF_BODY",
            "EC2MetaDataSSRF_COOKIE",
            "EC2MetaDataSSRF_QUERYARGUMENTS",
            "EC2MetaDataSSRF_URIPATH",
        ),
        "AWS documents no pattern",
    ),
    BAD_INPUTS: {"Host_localhost_HEADER": "everybody's host is this machine"},
    REPUTATION: dict.fromkeys(
        ("AWSManagedIPReputationList", "AWSManagedReconnaissanceList", "AWSManagedIPDDoSList"),
        "the lists are AWS's own, and every address here is this machine's",
    ),
}
"""Rules that match nothing here, with the reason."""
