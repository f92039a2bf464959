"""Promise: a tenant gets its rate and burst and no more, whoever counts; and other tenants theirs.

Against a real table's conditions (moto), through the calls that are sent to AWS.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from falaj.aws.quota_table import WINDOW_S, QuotaTable
from falaj.aws.tenant_limits import REFRESH_S, TenantLimits
from falaj.contract import QUOTAS_PARAMETER, SHED_PARAMETER, TABLE_KEY, shed_level_parameter
from falaj.domain.quota import Limits
from falaj.errors import DependencyError, QuotaExceededError
from tests.falaj.clocks import StandingClock

REGION = "me-central-1"
TEN = Limits(rate_per_s=10, burst=5)
TWO = Limits(rate_per_s=1000, burst=1000, concurrency=2)


class Answer(NamedTuple):
    """What a service said."""

    status: int
    body: bytes


class Wire:
    """Takes the calls as they are sent, hands them to moto, and counts them."""

    def __init__(self, client):
        self._client, self.operations, self.is_dark = client, [], False
        self._one_at_a_time = threading.Lock()

    def __call__(self, path, body, *, headers=None):
        """Send one call."""
        assert path == "/"
        if self.is_dark:
            raise DependencyError(service="dynamodb", doing="answer", reason="dark")
        operation = headers["x-amz-target"].rpartition(".")[2]
        self.operations.append(operation)
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)[1:]
        try:
            with self._one_at_a_time:  # as DynamoDB orders writes of one item; moto does not
                said = getattr(self._client, snake)(**json.loads(body))
        except ClientError as error:
            item = {"Item": error.response["Item"]} if "Item" in error.response else {}
            kind = {"__type": f"com.amazonaws#{error.response['Error']['Code']}"}
            return Answer(400, json.dumps(item | kind).encode())
        said.pop("ResponseMetadata")
        return Answer(200, json.dumps(said, default=str).encode())


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.fixture
def wire():
    """The wire to a table."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(
            TableName="quotas",
            KeySchema=[{"AttributeName": TABLE_KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": TABLE_KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield Wire(client)


@pytest.fixture
def clock():
    """Noon."""
    return StandingClock()


def environment(wire, clock):
    """One environment's own view of the table."""
    return QuotaTable(wire, lambda: "quotas", clock)


def passed(table, tenant, limits, times):
    """How many of so many requests pass."""
    count = 0
    for _ in range(times):
        try:
            table.take(tenant, limits)
        except QuotaExceededError:
            continue
        count += 1
    return count


def test_the_burst_passes_and_no_more(wire, clock):
    """At one instant."""
    assert passed(environment(wire, clock), "acme", TEN, 20) == 5


def test_the_rate_passes_in_the_long_run(wire, clock):
    """A hundred requests a second for ten seconds: the burst, and ten a second."""
    table, count = environment(wire, clock), 0
    for _ in range(1000):
        count += passed(table, "acme", TEN, 1)
        clock.advance(0.01)

    assert count == pytest.approx(5 + 100, abs=1)


def test_environments_share_one_bucket(wire, clock):
    """A hundred environments of one tenant are one tenant."""
    environments = [environment(wire, clock) for _ in range(100)]

    assert sum(passed(each, "acme", TEN, 1) for each in environments) == 5


def test_a_tenant_at_ten_times_its_quota_takes_nothing_from_another(wire, clock):
    """Acme asks for a hundred a second, globex for its ten: globex loses none."""
    acme, globex = environment(wire, clock), environment(wire, clock)
    lost = 0
    for tick in range(300):
        passed(acme, "acme", TEN, 1)
        if tick % 10 == 0:
            lost += 1 - passed(globex, "globex", TEN, 1)
        clock.advance(0.01)

    assert lost == 0


def test_a_refusal_says_when_to_come_back(wire, clock):
    """And who comes then, passes."""
    table, slow = environment(wire, clock), Limits(rate_per_s=0.2, burst=1)
    table.take("acme", slow)

    with pytest.raises(QuotaExceededError) as refused:
        table.take("acme", slow)
    clock.advance(refused.value.retry_after_s)

    assert refused.value.retry_after_s == 5
    assert passed(table, "acme", slow, 1) == 1


def test_a_refused_tenant_costs_no_further_call(wire, clock):
    """A flood is answered from memory until the bucket has room."""
    table = environment(wire, clock)
    passed(table, "acme", TEN, 6)
    before = len(wire.operations)

    passed(table, "acme", TEN, 1000)

    assert len(wire.operations) == before


@pytest.mark.parametrize("pause_s", [0.09, 0.1, 0.11, 5.0])
def test_a_tenant_within_its_rate_costs_one_write_a_request(wire, clock, pause_s):
    """Whether its bucket is empty again by the next request or not."""
    table = environment(wire, clock)
    for _ in range(20):
        table.take("acme", TEN)
        clock.advance(pause_s)

    assert wire.operations == ["UpdateItem"] * 20


@pytest.mark.parametrize("late_s", [0.3, 0.9])
def test_slow_calls_refuse_nobody_within_the_rate(wire, clock, late_s):
    """Each takes most of a second; the tenant asks for half of what it may, from two places."""
    limits, busy = Limits(rate_per_s=10, burst=5), environment(wire, clock)
    lost = 0
    for _ in range(20):
        slow = QuotaTable(Slow(wire, clock, busy, late_s, limits), lambda: "quotas", clock)
        lost += 1 - passed(slow, "acme", limits, 1)
        clock.advance(1)

    assert lost == 0


class Slow:
    """A wire on which a call takes its time, while another environment serves the tenant."""

    def __init__(self, wire, clock, other, late_s, limits):
        self._wire, self._clock, self._other = wire, clock, other
        self._late_s, self._limits = late_s, limits

    def __call__(self, path, body, *, headers=None):
        """Send one call, late."""
        self._clock.advance(self._late_s)
        self._other.take("acme", self._limits)
        return self._wire(path, body, headers=headers)


def test_a_full_bucket_is_seen_by_each_environment_once(wire, clock):
    """Its first write says that there is no room, and when there will be."""
    passed(environment(wire, clock), "acme", TEN, 5)
    other, before = environment(wire, clock), len(wire.operations)

    passed(other, "acme", TEN, 100)

    assert len(wire.operations) - before == 1


def test_a_flood_over_many_environments_costs_few_calls_and_none_of_the_rate(wire, clock):
    """Twenty see two hundred requests a second for ten seconds, of which ten a second pass."""
    environments, count = [environment(wire, clock) for _ in range(20)], 0
    for tick in range(2000):
        count += passed(environments[tick % 20], "acme", TEN, 1)
        clock.advance(0.005)
    in_vain = len(wire.operations) - count

    assert count == pytest.approx(5 + 100, abs=2)
    # Half a second until the bucket could be empty, and as often at most a second call that finds
    # it changed.
    assert in_vain <= 2 * 20 * 10 / 0.5


def test_a_raised_limit_ends_a_lull(wire, clock):
    """Whoever was refused by what others had taken asks again once he may have more."""
    passed(environment(wire, clock), "acme", TEN, 5)
    other = environment(wire, clock)
    refused = passed(other, "acme", TEN, 1)

    assert (refused, passed(other, "acme", Limits(rate_per_s=10, burst=8), 10)) == (0, 3)


def test_what_memory_can_say_is_said_without_a_call(wire, clock):
    """A full bucket refuses, whoever filled it; one with room, or unknown, is to be counted."""
    first, other = environment(wire, clock), environment(wire, clock)
    unknown = first.refusal("acme", TEN)
    passed(first, "acme", TEN, 5)
    passed(other, "acme", TEN, 1)
    before = len(wire.operations)

    refused = [table.refusal("acme", TEN) for table in (first, other)]
    clock.advance(0.6)

    assert (unknown, [error.retry_after_s for error in refused]) == (None, [1, 1])
    assert [table.refusal("acme", TEN) for table in (first, other)] == [None, None]
    assert len(wire.operations) == before


def test_the_last_place_is_known_to_be_the_last(wire, clock):
    """Who has filled the bucket itself needs nobody to say so."""
    table = environment(wire, clock)
    passed(table, "acme", TEN, 5)

    passed(table, "acme", TEN, 100)

    assert len(wire.operations) == 5


def test_a_raised_limit_counts_at_once(wire, clock):
    """What is remembered is the bucket, not the refusal."""
    table = environment(wire, clock)
    passed(table, "acme", TEN, 10)

    assert passed(table, "acme", Limits(rate_per_s=10, burst=8), 10) == 3


def test_alone_an_environment_goes_on_from_what_it_has_seen(wire, clock):
    """Dark: no call, and no second burst; a tenant within its rate passes, a flood does not."""
    table = environment(wire, clock)
    passed(table, "acme", TEN, 3)
    before, passing = len(wire.operations), 0
    for _ in range(1000):
        try:
            table.take_alone("acme", TEN)
        except QuotaExceededError:
            pass
        else:
            passing += 1
        clock.advance(0.01)

    assert passing == pytest.approx(2 + 100, abs=1)
    assert len(wire.operations) == before


def test_alone_no_tenant_takes_from_another(wire, clock):
    """Each has a bucket of its own there, too."""
    table = environment(wire, clock)
    for _ in range(5):
        table.take_alone("acme", TEN)
    with pytest.raises(QuotaExceededError):
        table.take_alone("acme", TEN)

    table.take_alone("globex", TEN)


def test_as_many_are_under_way_as_may_be(wire, clock):
    """The third waits until one is done."""
    first, second = environment(wire, clock), environment(wire, clock)
    held = first.hold("acme", TWO)
    second.hold("acme", TWO)

    with pytest.raises(QuotaExceededError, match="concurrency"):
        second.hold("acme", TWO)
    first.release(held)

    assert second.hold("acme", TWO)


def test_requests_of_the_last_half_minute_still_count(wire, clock):
    """A slow request does not vanish when the half minute turns."""
    table = environment(wire, clock)
    table.hold("acme", TWO)
    table.hold("acme", TWO)
    clock.advance(WINDOW_S)

    with pytest.raises(QuotaExceededError):
        table.hold("acme", TWO)


def test_what_a_crash_never_gave_back_is_forgotten(wire, clock):
    """After a minute, without anybody's help; not before every request has ended."""
    table = environment(wire, clock)
    table.hold("acme", TWO)
    table.hold("acme", TWO)
    clock.advance(WINDOW_S - 0.001)
    with pytest.raises(QuotaExceededError):
        table.hold("acme", TWO)
    clock.advance(WINDOW_S + 0.001)

    assert table.hold("acme", TWO)


def test_who_holds_and_gives_back_reads_nothing_twice(wire, clock):
    """Once all of the last half minute is answered, a request costs two writes."""
    table = environment(wire, clock)
    for _ in range(10):
        clock.advance(2.5)
        table.release(table.hold("acme", TWO))

    assert wire.operations.count("UpdateItem") == 20
    assert wire.operations.count("GetItem") <= 3


def test_exactly_as_many_at_once_as_may_be(wire, clock):
    """Forty environments ask at one moment; two get a place, and two again when those are done."""
    gate = threading.Barrier(8)

    def ask(table):
        gate.wait(30)
        try:
            return table.hold("acme", TWO)
        except QuotaExceededError as refused:
            return refused

    def rounds(count):
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(ask, [environment(wire, clock) for _ in range(count)]))

    first = rounds(40)
    held = [place for place in first if isinstance(place, str)]
    for place in held:
        environment(wire, clock).release(place)
    again = [place for place in rounds(40) if isinstance(place, str)]
    refused = [error for error in first if not isinstance(error, str)]

    assert (len(held), len(again)) == (2, 2)
    assert {(error.limit, error.retry_after_s) for error in refused} == {("concurrency", 1)}


def test_many_at_once_are_counted_exactly(wire, clock):
    """Threads stand for environments; moto takes the place of DynamoDB's own order."""
    limits = Limits(rate_per_s=1, burst=7)
    with ThreadPoolExecutor(8) as pool:
        tables = [environment(wire, clock) for _ in range(24)]
        results = list(pool.map(lambda table: passed(table, "acme", limits, 1), tables))

    assert sum(results) == 7


def parameter(limits):
    """What a stack writes."""
    return json.dumps({"table": "quotas", "limits": limits})


def test_limits_are_read_again_and_outlive_an_outage(clock):
    """Another limit is no new release; a dark SSM changes nothing."""
    with mock_aws():
        ssm = boto3.client("ssm", region_name=REGION)
        wire = Wire(ssm)
        limits = TenantLimits(wire, QUOTAS_PARAMETER, clock)
        one = {"rate_per_s": 1, "burst": 1}
        ssm.put_parameter(Name=QUOTAS_PARAMETER, Type="String", Value=parameter({"*": one}))
        first = limits.of("acme")
        two = parameter({"*": one, "acme": {"rate_per_s": 2, "burst": 2}})
        ssm.put_parameter(Name=QUOTAS_PARAMETER, Type="String", Value=two, Overwrite=True)
        clock.advance(REFRESH_S)
        second = limits.of("acme")
        wire.is_dark = True
        clock.advance(REFRESH_S)

        assert (first.burst, second.burst, limits.of("acme").burst) == (1, 2, 2)
        assert (limits.of("globex").burst, limits.table) == (1, "quotas")


def test_a_parameter_that_is_no_limits_is_the_services_fault(clock):
    """Not the caller's."""
    with mock_aws():
        ssm = boto3.client("ssm", region_name=REGION)
        ssm.put_parameter(Name=QUOTAS_PARAMETER, Type="String", Value="[]")

        with pytest.raises(DependencyError):
            TenantLimits(Wire(ssm), QUOTAS_PARAMETER, clock).of("acme")


@pytest.mark.parametrize(
    ("written", "admitted"), [(None, 5), ("5", 5), ("2", 2), ("0", 1), ("9", 5), ("none", 5)]
)
def test_who_is_shed_is_read_with_the_limits(clock, written, admitted):
    """Whatever stands there, the first priority is answered; nobody is shed by a slip."""
    with mock_aws():
        ssm = boto3.client("ssm", region_name=REGION)
        one = parameter({"*": {"rate_per_s": 1, "burst": 1, "priority": 4}})
        ssm.put_parameter(Name=QUOTAS_PARAMETER, Type="String", Value=one)
        if written is not None:
            ssm.put_parameter(Name=SHED_PARAMETER, Type="String", Value=written)
        limits = TenantLimits(Wire(ssm), QUOTAS_PARAMETER, clock, shed=SHED_PARAMETER)

        assert (limits.of("acme").priority, limits.admitted) == (4, admitted)


@pytest.mark.parametrize(
    ("word", "level", "admitted"),
    [
        ("auto", '{"admitted": 3, "since": "2026-11-22T12:00:00+00:00"}', 3),
        (None, '{"admitted": 3}', 3),
        ("5", '{"admitted": 1}', 5),
        ("2", '{"admitted": 4}', 2),
        ("auto", None, 5),
        ("auto", "three", 5),
        ("auto", "[]", 5),
        ("auto", '{"admitted": null}', 5),
    ],
)
def test_the_load_shedder_is_heard_where_the_operator_leaves_it(clock, word, level, admitted):
    """A number of the operator's overrules it, both ways; what nobody can read sheds nobody."""
    with mock_aws():
        ssm = boto3.client("ssm", region_name=REGION)
        one = parameter({"*": {"rate_per_s": 1, "burst": 1}})
        written = {QUOTAS_PARAMETER: one, SHED_PARAMETER: word, "/falaj/shed/churn": level}
        for name, value in written.items():
            if value is not None:
                ssm.put_parameter(Name=name, Type="String", Value=value)
        limits = TenantLimits(
            Wire(ssm),
            QUOTAS_PARAMETER,
            clock,
            shed=SHED_PARAMETER,
            level=shed_level_parameter("churn"),
        )
        limits.of("acme")

        assert limits.admitted == admitted


def test_requests_that_come_together_pass_together_or_not_at_all(wire, clock):
    """Three and two are five; a sixth, or seven at once, are over the burst."""
    table = environment(wire, clock)
    table.take("acme", TEN, 3)
    with pytest.raises(QuotaExceededError):
        table.take("acme", TEN, 3)
    table.take("acme", TEN, 2)

    assert passed(environment(wire, clock), "acme", TEN, 3) == 0
    with pytest.raises(QuotaExceededError):
        table.take("globex", TEN, 7)


def test_requests_that_come_together_are_under_way_together(wire, clock):
    """Two may be at once: two together, and no third; each gives its own place back."""
    first, second = environment(wire, clock), environment(wire, clock)
    with pytest.raises(QuotaExceededError):
        first.hold("acme", TWO, 3)
    held = first.hold("acme", TWO, 2)
    with pytest.raises(QuotaExceededError):
        second.hold("acme", TWO)
    first.release(held, 2)

    assert second.hold("acme", TWO, 2)
