"""Promise: what is asked to wait is answered once, to whoever asked, as `infer` would have."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from falaj.aws.asynchronous_queue import AsynchronousQueue
from falaj.aws.asynchronous_store import AsynchronousStore
from falaj.contract import CONTEXT_CHECKED, CONTEXT_QUEUED
from falaj.domain.asynchronous import ATTEMPTS, Names, delay_s
from falaj.entrypoints.asynchronous_intake import Intake
from falaj.entrypoints.asynchronous_worker import Worker
from falaj.errors import DependencyError, FunctionFailedError, FunctionTimeoutError
from local_region.backends.moto_backends import MotoBackends
from local_region.events.queue_mappings import QueueMapping
from tests.falaj.clocks import StandingClock

REGION = "me-central-1"
ENDPOINT = "http://127.0.0.1:1"  # never connected to: answers come from this process
ABANDONED = f"arn:aws:sqs:{REGION}:000000000036:abandoned"
BODY = json.dumps({"inputs": [{"name": "x", "data": ["سؤال"]}]}, ensure_ascii=False)
LATER = "/v2/models/churn/infer_async"
GOOD = {
    "statusCode": 200,
    "headers": {"content-type": "application/json", "x-falaj-release": "7", "x-request-id": "q"},
    "body": '{"outputs":["جواب"]}',
    "isBase64Encoded": False,
}


def refused(status):
    """An answer that a model's function refuses with."""
    return {**GOOD, "statusCode": status, "body": f'{{"error":"{status}"}}'}


class Model:
    """Answers as it is told, one answer after another, the last for ever."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.asked = []

    def __call__(self, model, event):
        """Answer, or fail."""
        self.asked.append((model, json.loads(event)))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    """A bucket and a queue of one test, and what works on them."""

    def __init__(self, backends, name, clock):
        self._sqs = backends.client("sqs")
        self.s3, self.bucket, self.clock = backends.client("s3"), f"b-{name}", clock
        where = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=where)
        self._url = self._sqs.create_queue(QueueName=f"q-{name}")["QueueUrl"]
        self.store = AsynchronousStore(self.s3, self.bucket)
        self.queue = AsynchronousQueue(self._sqs, self._url)
        self.lines = []

    def intake(self, days=7):
        """Return an intake; each has the same key, as every environment has."""
        return Intake(
            self.store,
            self.queue,
            Names(bytes(range(32))),
            {"churn": days, "other": 1},
            clock=self.clock,
            write=self.lines.append,
        )

    def post(self, tenant="acme", *, path=LATER, body=BODY, **headers):
        """Ask as the API does behind the check of who calls."""
        return self.intake()(event("POST", path, tenant, body, headers))

    def get(self, location, tenant="acme", days=7):
        """Fetch a result likewise."""
        return self.intake(days)(event("GET", location, tenant))

    def messages(self):
        """Receive everything that is visible."""
        found = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return found.get("Messages", [])

    def work(self, model, messages=None, *, arn="arn:aws:sqs:q", attempt=None):
        """Hand messages to a worker as Lambda does; return how many it wants again."""
        messages = self.messages() if messages is None else messages
        mapping = QueueMapping(queue_arn=arn, function_arn="f", region=REGION)
        batch = mapping.event(messages)
        for record in batch["Records"]:
            if attempt is not None:
                record["attributes"]["ApproximateReceiveCount"] = str(attempt)
        worker = Worker(self.store, self.queue, model, abandoned=ABANDONED, write=self.lines.append)
        return len(worker(batch)["batchItemFailures"])

    def keys(self, prefix):
        """Return the bucket's objects below a prefix."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", ())]


def event(method, path, tenant, body=None, headers=None):
    """An HTTP API's event as the check before has left it."""
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "http": {"method": method, "path": path},
            "stage": "$default",
            "requestId": "gateway-1",
            "authorizer": {"jwt": {"claims": {"tenant": tenant, "exp": "1"}}},
            CONTEXT_CHECKED: {"tenant": tenant, "subject": "ann"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


@pytest.fixture(scope="module")
def backends():
    """An account in this process."""
    opened = MotoBackends.open(account="000000000036", region=REGION, endpoint=ENDPOINT)
    yield opened
    opened.close()


@pytest.fixture
def world(backends, request):
    """A bucket, a queue and a clock that begins now, as S3's."""
    name = f"{abs(hash(request.node.nodeid))}"
    return World(backends, name, StandingClock(datetime.now(UTC)))


def location(answer):
    """Return where a request's answer will be."""
    return answer["headers"]["location"]


def error(answer):
    """Return status and code of a refusal."""
    return answer["statusCode"], json.loads(answer["body"])["code"]


def test_request_is_taken_at_once(world):
    """202, an id, and where to look."""
    answer = world.post()

    said = json.loads(answer["body"])
    assert (answer["statusCode"], said["status"]) == (202, "queued")
    assert location(answer) == f"/v2/models/churn/results/{said['id']}"


def test_result_waits_until_it_is_there(world):
    """202 while queued, then the very answer."""
    where = location(world.post())
    before = world.get(where)

    world.work(Model(GOOD))

    after = world.get(where)
    assert (before["statusCode"], after["statusCode"]) == (202, 200)
    assert after["body"] == GOOD["body"]
    assert after["headers"] == {**GOOD["headers"], "x-falaj-result": "done"}


def test_model_is_asked_what_infer_would_have_been(world):
    """The same body, the path of `infer`, and who asks; no credentials are kept."""
    model = Model(GOOD)
    world.post(authorization="Bearer secret-token", traceparent="t", **{"X-Api-Key": "k"})

    world.work(model)

    ((name, asked),) = model.asked
    assert (name, asked["rawPath"], asked["body"]) == ("churn", "/v2/models/churn/infer", BODY)
    assert asked["requestContext"]["http"]["method"] == "POST"
    assert asked["requestContext"]["authorizer"]["jwt"]["claims"]["tenant"] == "acme"
    assert CONTEXT_QUEUED in asked["requestContext"]
    assert asked["headers"] == {"content-type": "application/json", "traceparent": "t"}


def test_rest_event_is_asked_in_its_own_format(world):
    """Payload format 1.0, with the stage in the address."""
    asked = {
        "version": "1.0",
        "path": LATER,
        "httpMethod": "POST",
        "headers": {"Authorization": "Bearer t", "Content-Type": "application/json"},
        "multiValueHeaders": {"Authorization": ["Bearer t"], "Accept": ["*/*"]},
        "requestContext": {
            "path": f"/live{LATER}",
            "stage": "live",
            "authorizer": {"tenant": "acme"},
            "identity": {"sourceIp": "10.0.0.1", "userArn": None},
            CONTEXT_CHECKED: {"tenant": "acme", "subject": "ann"},
        },
        "body": "eyJ9",
        "isBase64Encoded": True,
    }
    model = Model(GOOD)

    answer = world.intake()(asked)
    world.work(model)

    assert location(answer).startswith("/live/v2/models/churn/results/")
    ((_, later),) = model.asked
    assert (later["path"], later["httpMethod"]) == ("/v2/models/churn/infer", "POST")
    assert (later["body"], later["isBase64Encoded"]) == ("eyJ9", True)
    assert "Authorization" not in {**later["headers"], **later["multiValueHeaders"]}
    assert "sourceIp" not in later["requestContext"]["identity"]


def test_other_tenant_finds_nothing(world):
    """An id is worth nothing to whoever overheard it."""
    where = location(world.post("acme"))
    world.work(Model(GOOD))

    assert error(world.get(where, "globex")) == (404, "unknown_result")
    assert world.get(where, "acme")["statusCode"] == 200


@pytest.mark.parametrize(
    "path",
    [
        f"/v2/models/churn/results/{'0' * 32}",
        "/v2/models/churn/results/..%2f..%2frequests",
        "/v2/models/churn/results/x",
    ],
)
def test_unknown_id_is_not_found(world, path):
    """Whatever it looks like."""
    assert error(world.get(path)) == (404, "unknown_result")


def test_result_of_another_model_is_not_found(world):
    """The id belongs to the model that was asked."""
    where = location(world.post())
    world.work(Model(GOOD))

    assert error(world.get(where.replace("churn", "other"))) == (404, "unknown_result")


def test_expired_result_is_not_found(world):
    """Even where S3 has not come round to removing it."""
    where = location(world.post())
    world.work(Model(GOOD))

    world.clock.at += timedelta(days=1)

    assert error(world.get(where, days=1)) == (404, "unknown_result")
    assert world.get(where, days=2)["statusCode"] == 200


def test_no_object_or_message_names_the_tenant(world):
    """Folders are pseudonyms, and a message holds nothing of what is asked."""
    world.post("acme")

    (message,) = world.messages()

    assert "acme" not in "".join(world.keys("")) + json.dumps(message)
    assert "سؤال" not in message["Body"]


def test_answered_request_is_not_kept(world):
    """What was asked is gone once the answer is there."""
    world.post()
    (key,) = world.keys("requests/")

    world.work(Model(GOOD))

    assert world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read() == b""


def test_message_that_comes_twice_is_answered_once(world):
    """SQS delivers at least once."""
    world.post()
    messages = world.messages()
    model = Model(GOOD, refused(500))

    wanted = [world.work(model, messages) for _ in range(2)]

    assert (wanted, len(model.asked), len(world.keys("results/"))) == ([0, 0], 1, 1)


def test_first_of_two_answers_stays(world):
    """Two deliveries at the same time ask twice, and leave one result."""
    where = location(world.post())
    messages = world.messages()

    def slow(_model, _asked):
        world.work(Model(GOOD), messages)
        return refused(500)

    world.work(slow, messages)

    assert world.get(where)["body"] == GOOD["body"]


@pytest.mark.parametrize("status", [429, 503])
def test_refusal_for_now_comes_again(world, status):
    """A quota or a lack of room is no failure of the request."""
    where = location(world.post())
    model = Model(refused(status), GOOD)
    messages = world.messages()

    first = world.work(model, messages)
    while_waiting = world.get(where)["statusCode"]
    second = world.work(model, messages, attempt=2)

    assert (first, while_waiting, second) == (1, 202, 0)
    assert world.get(where)["statusCode"] == 200


def test_refusal_for_now_is_the_answer_in_the_end(world):
    """The last attempt's own words are what the caller gets."""
    where = location(world.post())

    wanted = world.work(Model(refused(429)), attempt=ATTEMPTS)

    assert wanted == 0
    answer = world.get(where)
    assert (answer["statusCode"], answer["headers"]["x-falaj-result"]) == (429, "failed")


@pytest.mark.parametrize("status", [400, 413, 500])
def test_failure_is_the_answer(world, status):
    """Status and document as `infer` would have given them, and no second attempt."""
    where = location(world.post())

    wanted = world.work(Model(refused(status)))

    answer = world.get(where)
    assert (wanted, answer["statusCode"]) == (0, status)
    assert answer["body"] == refused(status)["body"]
    assert answer["headers"]["x-falaj-result"] == "failed"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (FunctionFailedError(model="churn"), (502, "function_failed")),
        (FunctionTimeoutError(model="churn"), (504, "function_timeout")),
    ],
)
def test_crash_is_the_answer(world, failure, expected):
    """A request that kills a function is not sent to kill another."""
    where = location(world.post())

    wanted = world.work(Model(failure))

    assert wanted == 0
    assert error(world.get(where)) == expected
    assert json.loads(world.get(where)["body"])["request_id"] == "gateway-1"


def test_dark_service_loses_nothing(world):
    """Lambda without room, or S3 in the dark: the message comes again."""
    where = location(world.post())
    dark = DependencyError(service="lambda", doing="call model churn", reason="Rate Exceeded.")
    messages = world.messages()

    wanted = world.work(Model(dark), messages)
    world.work(Model(GOOD), messages)

    assert (wanted, world.get(where)["statusCode"]) == (1, 200)


def test_only_what_failed_comes_again(world):
    """Of a batch, the messages that were answered are done."""
    places = [location(world.post(body=body)) for body in ("1", "2", "3")]

    def second_is_dark(_model, asked):
        return refused(503) if json.loads(asked)["body"] == "2" else GOOD

    wanted = world.work(second_is_dark)

    assert wanted == 1
    assert [world.get(where)["statusCode"] for where in places] == [200, 202, 200]


def test_abandoned_request_has_a_result_that_says_why(world):
    """What ended its worker each time is answered from the dead-letter queue."""
    where = location(world.post())

    wanted = world.work(Model(GOOD), arn=ABANDONED)

    assert wanted == 0
    assert error(world.get(where)) == (503, "abandoned")


def test_abandoned_message_never_replaces_an_answer(world):
    """The answer was there; only the message was not deleted in time."""
    where = location(world.post())
    messages = world.messages()
    world.work(Model(GOOD), messages)

    world.work(Model(GOOD), messages, arn=ABANDONED)

    assert world.get(where)["statusCode"] == 200


def test_repeated_request_is_one(world):
    """The same key and request: the same id, one message."""
    first, second = (world.post(**{"Idempotency-Key": "k-1"}) for _ in range(2))

    assert first["body"] == second["body"]
    assert len(world.messages()) == 1


def test_repeated_key_with_another_request_is_refused(world):
    """Nobody gets the answer to another question."""
    world.post(**{"idempotency-key": "k-1"})

    answer = world.post(body="{}", **{"idempotency-key": "k-1"})

    assert error(answer) == (422, "repeated_key")


def test_key_belongs_to_a_tenant(world):
    """Two tenants with one key have two requests."""
    one, two = (world.post(tenant, **{"idempotency-key": "k"}) for tenant in ("acme", "globex"))

    assert location(one) != location(two)


def test_repeated_request_that_was_not_sent_is_sent(world):
    """Whoever was told 503 may repeat: what was kept and not queued is queued."""

    class Dark:
        def send(self, job):
            raise DependencyError(service="sqs", doing="take a message", reason=job.model)

    queue, world.queue = world.queue, Dark()
    refused_once = world.post(**{"idempotency-key": "k"})
    world.queue = queue

    again = world.post(**{"idempotency-key": "k"})

    assert (refused_once["statusCode"], again["statusCode"]) == (500, 202)
    assert len(world.messages()) == 1


def test_repeated_request_after_its_answer_is_not_run_again(world):
    """The id still leads to the first answer."""
    world.post(**{"idempotency-key": "k"})
    world.work(Model(GOOD))

    again = world.post(**{"idempotency-key": "k"})

    assert world.messages() == []
    assert world.get(location(again))["statusCode"] == 200


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "ключ"])
def test_unbounded_key_is_refused(world, key):
    """255 printable characters."""
    assert error(world.post(**{"idempotency-key": key})) == (400, "malformed_request")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", LATER, (405, "method_not_allowed")),
        ("POST", "/v2/models/churn/results/x", (405, "method_not_allowed")),
        ("POST", "/v2/models/nobody/infer_async", (404, "unknown_model")),
        ("GET", "/v2/models/churn/elsewhere", (404, "unknown_route")),
    ],
)
def test_other_ways_in_are_refused(world, method, path, expected):
    """With the one error document."""
    assert error(world.intake()(event(method, path, "acme", BODY))) == expected


def test_empty_body_is_refused(world):
    """Before anything is kept."""
    assert error(world.post(body="")) == (400, "malformed_request")
    assert world.keys("") == []


def test_delays_grow_to_hours():
    """A model without room for three hours is given up, not one without for minutes."""
    total_s = sum(delay_s(attempt) for attempt in range(1, ATTEMPTS))

    assert timedelta(hours=3) <= timedelta(seconds=total_s) <= timedelta(hours=4)
