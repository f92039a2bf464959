"""Promise: a web ACL refuses here what its template says, or is itself refused by name."""

import pytest

from local_region.gateway.messages import Request
from local_region.waf.firewall import Firewall
from local_region.waf.managed import GROUPS, NOT_HERE
from local_region.waf.rates import Rate
from local_region.waf.web_acl import read_web_acl

NONE = [{"Priority": 0, "Type": "NONE"}]
ALLOW, BLOCK, COUNT = {"Allow": {}}, {"Block": {}}, {"Count": {}}
NOON = 1_795_000_000.0
COMMON = "AWSManagedRulesCommonRuleSet"
BAD_INPUTS = "AWSManagedRulesKnownBadInputsRuleSet"


def request(path="/live/v2", *, query="", body=b"", method="POST", source="10.0.0.1", **headers):
    """A request of a program that says its name."""
    given = {"host": "api", "user-agent": "program/1"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    pairs = tuple((name, value) for name, value in given.items() if value is not None)
    return Request(
        method=method, path=path, query=query, headers=pairs, body=body, source_ip=source
    )


def rule(statement, *, name="Rule", priority=0, action=None):
    """A rule that blocks."""
    return {
        "Name": name,
        "Priority": priority,
        "Statement": statement,
        "Action": BLOCK if action is None else action,
        "VisibilityConfig": {},
    }


def group(name, *, overrides=(), override=None):
    """A rule with one of AWS's groups."""
    actions = [{"Name": each, "ActionToUse": COUNT} for each in overrides]
    statement = {"VendorName": "AWS", "Name": name, "RuleActionOverrides": actions}
    return {
        "Name": name,
        "Priority": 0,
        "Statement": {"ManagedRuleGroupStatement": statement},
        "OverrideAction": override or {"None": {}},
        "VisibilityConfig": {},
    }


def acl(*rules, default=ALLOW):
    """A web ACL of these rules."""
    given = {"Scope": "REGIONAL", "DefaultAction": default, "Rules": list(rules)}
    return read_web_acl(given | {"VisibilityConfig": {}})


def size(field, count, operator="GT"):
    """A statement about a part's size."""
    return {
        "SizeConstraintStatement": {
            "FieldToMatch": field,
            "ComparisonOperator": operator,
            "Size": count,
            "TextTransformations": NONE,
        }
    }


def regex(pattern, field, *steps):
    """A statement about a part's text."""
    transformations = [{"Priority": at, "Type": step} for at, step in enumerate(steps)] or NONE
    return {
        "RegexMatchStatement": {
            "FieldToMatch": field,
            "RegexString": pattern,
            "TextTransformations": transformations,
        }
    }


@pytest.mark.parametrize(
    ("field", "short", "long"),
    [
        ({"UriPath": {}}, request("/12345678"), request("/123456789")),
        ({"QueryString": {}}, request(query="1" * 9), request(query="1" * 10)),
        ({"Body": {}}, request(body=b"1" * 9), request(body=b"1" * 10)),
        ({"Method": {}}, request(method="PROPPATCH"), request(method="MKCALENDAR")),
        ({"SingleHeader": {"Name": "X-Y"}}, request(x_y="1" * 9), request(x_y="1" * 10)),
        ({"SingleHeader": {"name": "x-y"}}, request(), request(x_y="1" * 10)),
        ({"AllQueryArguments": {}}, request(query="a=1&b=2"), request(query="a=1&b=" + "2" * 10)),
    ],
)
def test_a_part_over_its_size_is_refused(field, short, long):
    """And what is just within passes."""
    web = acl(rule(size(field, 9)))

    assert (web.lets_pass(short, NOON), web.lets_pass(long, NOON)) == (True, False)


@pytest.mark.parametrize("given", ["9999999", "10000000", "99999999999", "nothing", None])
def test_a_stated_length_is_read_as_text(given):
    """The rule of our own templates: eight digits are ten megabytes and more."""
    web = acl(rule(regex(r"^[0-9]{8,}$", {"SingleHeader": {"Name": "content-length"}})))
    is_too_long = given is not None and given.isdigit() and len(given) >= 8

    assert web.lets_pass(request(content_length=given), NOON) is not is_too_long


def test_transformations_are_made_in_their_order():
    """Decoded, then in small letters."""
    web = acl(rule(regex("^/a b$", {"UriPath": {}}, "URL_DECODE", "LOWERCASE")))

    assert not web.lets_pass(request("/A%20B"), NOON)


@pytest.mark.parametrize(
    ("statement", "passes"),
    [
        ({"AndStatement": {"Statements": [size({"UriPath": {}}, 3), size({"Body": {}}, 3)]}}, True),
        ({"OrStatement": {"Statements": [size({"UriPath": {}}, 3), size({"Body": {}}, 3)]}}, False),
        ({"NotStatement": {"Statement": size({"UriPath": {}}, 3)}}, True),
        (
            {
                "ByteMatchStatement": {
                    "FieldToMatch": {"UriPath": {}},
                    "PositionalConstraint": "STARTS_WITH",
                    "SearchString": "/live",
                    "TextTransformations": NONE,
                }
            },
            False,
        ),
    ],
)
def test_statements_are_joined(statement, passes):
    """A long path with an empty body."""
    assert acl(rule(statement)).lets_pass(request(), NOON) is passes


def test_the_first_rule_that_decides_does():
    """By priority, not by place; a count lets the next one look."""
    everything = size({"UriPath": {}}, 0)
    web = acl(
        rule(everything, name="last", priority=9),
        rule(everything, name="first", priority=1, action=COUNT),
        rule(everything, name="second", priority=2, action=ALLOW),
    )

    assert web.lets_pass(request(), NOON)
    assert web.counted == {"first": 1, "second": 1}


def test_what_no_rule_decides_gets_the_default():
    """Whichever it is."""
    assert [acl(default=each).lets_pass(request(), NOON) for each in (ALLOW, BLOCK)] == [
        True,
        False,
    ]


def rate(limit, **more):
    """A rule about how often an address asks."""
    return rule({"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": limit} | more})


def test_an_address_that_asks_too_often_is_refused_and_another_is_not():
    """The hundred-and-first request within five minutes, and all after it."""
    web = acl(rate(100))
    passed = [web.lets_pass(request(), NOON + number) for number in range(200)]

    assert passed == [True] * 100 + [False] * 100
    assert web.lets_pass(request(source="10.0.0.2"), NOON + 200)


def test_the_window_moves_on():
    """What is older than the window counts no more."""
    web = acl(rate(10, EvaluationWindowSec=60))
    for _ in range(10):
        web.lets_pass(request(), NOON)

    assert not web.lets_pass(request(), NOON + 59)
    assert web.lets_pass(request(), NOON + 61)


def test_only_what_is_in_scope_is_counted():
    """Ten long paths; short ones do not count, and pass."""
    web = acl(rate(10, ScopeDownStatement=size({"UriPath": {}}, 20)))
    for _ in range(30):
        assert web.lets_pass(request("/v2"), NOON)
    passed = [web.lets_pass(request("/" + "x" * 30), NOON) for _ in range(12)]

    assert passed == [True] * 10 + [False] * 2


def test_quiet_addresses_are_forgotten():
    """A million addresses must not fill the memory."""
    counting = Rate(limit=10, window_s=60)
    for number in range(10_000):
        counting.is_over(f"10.0.{number // 250}.{number % 250}", NOON + number / 10)

    assert counting.addresses <= 2 * 60 * 10 + 1


PLAIN = {
    COMMON: {
        "NoUserAgent_HEADER": request(user_agent=None),
        "UserAgent_BadBots_HEADER": request(user_agent="Mozilla Nmap Scripting Engine"),
        "SizeRestrictions_QUERYSTRING": request(query="q" * 2049),
        "SizeRestrictions_Cookie_HEADER": request(cookie="c" * 10_241),
        "SizeRestrictions_BODY": request(body=b"b" * 8193),
        "SizeRestrictions_URIPATH": request("/" * 1025),
        "GenericLFI_QUERYARGUMENTS": request(query="file=..%2f..%2fetc/passwd"),
        "GenericLFI_URIPATH": request("/live/%2e%2e/../etc"),
        "GenericLFI_BODY": request(body=b"../../etc"),
        "RestrictedExtensions_URIPATH": request("/live/server.log"),
        "RestrictedExtensions_QUERYARGUMENTS": request(query="file=php.ini"),
        "GenericRFI_QUERYARGUMENTS": request(query="a=http://10.1.1.1/x"),
        "GenericRFI_BODY": request(body=b"ftps://10.1.1.1"),
        "GenericRFI_URIPATH": request("/live/file://10.1.1.1"),
        "CrossSiteScripting_COOKIE": request(cookie='a=<script>alert("hello")</script>'),
        "CrossSiteScripting_QUERYARGUMENTS": request(query="a=%3Cscript%3E"),
        "CrossSiteScripting_BODY": request(body=b"<SCRIPT >"),
        "CrossSiteScripting_URIPATH": request("/live/%3cscript%3e"),
    },
    BAD_INPUTS: {
        "JavaDeserializationRCE_HEADER": request(x='(java.lang.Runtime).getRuntime().exec("id")'),
        "JavaDeserializationRCE_BODY": request(body=b'(java.lang.Runtime).getRuntime().exec("id")'),
        "JavaDeserializationRCE_URIPATH": request("/(java.lang.Runtime).getRuntime().exec(1)"),
        "JavaDeserializationRCE_QUERYSTRING": request(query="java.lang.Runtime.getRuntime().exec("),
        "PROPFIND_METHOD": request(method="PROPFIND"),
        "ExploitablePaths_URIPATH": request("/live/WEB-INF/web.xml"),
        "Log4JRCE_HEADER": request(x_api="${jndi:ldap://example.com/}"),
        "Log4JRCE_QUERYSTRING": request(query="x=%24%7Bjndi:ldap://example.com/%7D"),
        "Log4JRCE_BODY": request(body=b'{"x": "${jndi:ldap://example.com/}"}'),
        "Log4JRCE_URIPATH": request("/live/${jndi:dns://x}"),
    },
}
EVERY = [(name, each) for name, rules in GROUPS.items() for each in rules]


@pytest.mark.parametrize(("name", "each"), EVERY)
def test_a_managed_rule_refuses_its_documented_example(name, each):
    """And counts it only, where a web ACL overrides the rule."""
    attack = PLAIN[name][each]
    others = set(GROUPS[name]) - {each}

    strict, counting = acl(group(name)), acl(group(name, overrides=[each, *others]))

    assert (strict.lets_pass(attack, NOON), counting.lets_pass(attack, NOON)) == (False, True)
    assert f"{name}/{each}" in counting.counted


@pytest.mark.parametrize("name", GROUPS)
def test_an_honest_request_passes_every_group(name):
    """An inference with a query, a cookie and eight thousand bytes."""
    honest = request(
        "/live/v2/models/churn/infer",
        query="trace=1",
        body=b'{"inputs": [{"name": "x", "data": ["log.ini and 100%"]}]}'.ljust(8192),
        cookie="session=1",
        authorization="Bearer a.b.c",
    )

    assert acl(group(name)).lets_pass(honest, NOON)


def test_a_group_may_be_counted_as_a_whole():
    """While it is tried out."""
    assert acl(group(COMMON, override=COUNT)).lets_pass(request(user_agent=None), NOON)


def test_every_rule_that_matches_nothing_here_says_why():
    """The table in the docs is made from this one."""
    assert all(reason for rules in NOT_HERE.values() for reason in rules.values())
    assert not any(NOT_HERE.get(name, {}).keys() & rules.keys() for name, rules in GROUPS.items())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"Rules": [rule({"GeoMatchStatement": {}})]}, "GeoMatchStatement"),
        ({"Rules": [rule({})]}, "nothing"),
        ({"Rules": [rule(size({"JsonBody": {}}, 1))]}, "JsonBody"),
        ({"Rules": [rule(size({"Body": {}}, 1, "ABOUT"))]}, "ABOUT"),
        ({"Rules": [rule(size({"SingleHeader": {}}, 1))]}, "names no header"),
        ({"Rules": [rule(size({"Body": {"OversizeHandling": "MATCH"}}, 1))]}, "Oversize"),
        ({"Rules": [rule(regex("(", {"UriPath": {}}))]}, "RegexString"),
        ({"Rules": [rule(regex("x", {"UriPath": {}}, "HEX_DECODE"))]}, "HEX_DECODE"),
        ({"Rules": [rate(9)]}, "none that AWS takes"),
        ({"Rules": [rate(10, EvaluationWindowSec=7)]}, "none that AWS takes"),
        ({"Rules": [rate(10, AggregateKeyType="CUSTOM_KEYS")]}, "CUSTOM_KEYS"),
        ({"Rules": [rule(size({"Body": {}}, 1), action={"Captcha": {}})]}, "Captcha"),
        ({"Rules": [group("AWSManagedRulesSQLiRuleSet")]}, "AWSManagedRulesSQLiRuleSet"),
        ({"Rules": [group(COMMON, overrides=["NoSuchRule"])]}, "NoSuchRule"),
        ({"Rules": [{**rule(size({"Body": {}}, 1)), "RuleLabels": []}]}, "RuleLabels"),
        ({"CustomResponseBodies": {}}, "CustomResponseBodies"),
        ({"Scope": "CLOUDFRONT"}, "CLOUDFRONT"),
        ({"DefaultAction": {}}, "None"),
    ],
)
def test_what_nobody_here_would_enforce_is_refused_by_name(given, says):
    """A rule that is silently left out would let through what AWS refuses."""
    whole = {"Scope": "REGIONAL", "DefaultAction": ALLOW, "Rules": []} | given
    with pytest.raises(ValueError, match=says):
        read_web_acl(whole)


def test_a_firewall_guards_what_it_was_told_to():
    """One stage, until it is left."""
    firewall = Firewall()
    firewall.acls["acl"] = acl(default=BLOCK)
    stage = "arn:aws:apigateway:me-central-1::/restapis/abc/stages/live"
    firewall.guard(stage, "acl")
    asked = [firewall.lets_pass("abc", name, request(), NOON) for name in ("live", "other")]
    firewall.leave(stage)

    assert (asked, firewall.lets_pass("abc", "live", request(), NOON)) == ([False, True], True)


@pytest.mark.parametrize(
    ("resource", "acl_arn"),
    [
        ("arn:aws:elasticloadbalancing:me-central-1:1:loadbalancer/app/x/y", "acl"),
        ("arn:aws:apigateway:me-central-1::/restapis/abc/stages/live", "none"),
    ],
)
def test_what_cannot_be_guarded_is_refused(resource, acl_arn):
    """A web ACL before nothing guards nothing."""
    firewall = Firewall()
    firewall.acls["acl"] = acl()
    with pytest.raises(ValueError, match=r"nothing else|no web ACL"):
        firewall.guard(resource, acl_arn)
