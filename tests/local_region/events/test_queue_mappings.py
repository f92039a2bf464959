"""Promise: queues feed functions as Lambda's event source mappings do."""

import asyncio
import json

import pytest

from local_region.backends.moto_backends import MotoBackends
from local_region.events.queue_mappings import QueueMapping, QueueMappings
from local_region.lambda_service import InvokeResult
from local_region.lambda_service.refusals import ResourceNotFoundError, TooManyRequestsError

REGION = "me-central-1"
ACCOUNT = "000000000083"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:worker"


class Function:
    """Answers batches as it is told, one answer after another, the last for ever."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.batches = []

    async def invoke(self, _function, _qualifier, payload):
        """Take a batch, and give way to others before answering."""
        records = json.loads(payload)["Records"]
        self.batches.append(records)
        await asyncio.sleep(0)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(records)
        return result(answer)

    @property
    def bodies(self):
        """Return the messages of each batch."""
        return [[record["body"] for record in batch] for batch in self.batches]


def result(answer):
    """Write what Lambda's own Invoke returns; an error where the answer is None."""
    error = "Unhandled" if answer is None else None
    return InvokeResult(
        status_code=200,
        payload=json.dumps(answer).encode(),
        executed_version="$LATEST",
        log_tail="",
        function_error=error,
        request_id="r",
    )


def reporting(*bodies):
    """Report the messages with these bodies as failed."""
    return lambda records: {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]}
            for record in records
            if record["body"] in bodies
        ]
    }


@pytest.fixture(scope="module")
def backends():
    """One account's queues."""
    opened = MotoBackends.open(account=ACCOUNT, region=REGION, endpoint="http://127.0.0.1:4566")
    yield opened
    opened.close()


@pytest.fixture
def queue(backends, request):
    """A queue of the test's own: messages that are not deleted are there again at once."""
    return make_queue(backends, request.node.name)


def make_queue(backends, name, **attributes):
    """Make a queue; return its address and ARN."""
    url = backends.client("sqs").create_queue(
        QueueName=name[:80].replace("[", "-").replace("]", "-"),
        Attributes={"VisibilityTimeout": "0", **attributes},
    )["QueueUrl"]
    found = backends.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, found["Attributes"]["QueueArn"]


def fed(backends, url, *bodies):
    """Put messages on a queue."""
    for body in bodies:
        backends.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def left(backends, url):
    """Return what is still on a queue."""
    received = backends.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in received.get("Messages", ())]


def drained(backends, function, arn, *, pause=None, lost=None, maximum_concurrency=1, **settings):
    """Hand everything to a function until nothing waits."""

    async def run():
        gone = lost if lost is not None else []
        ways = {} if pause is None else {"pause": pause}
        mappings = QueueMappings(backends, lambda *said: gone.append(said), **ways)
        mappings.invoke_through(function)
        mapping = QueueMapping(
            queue_arn=arn,
            function_arn=FUNCTION,
            region=REGION,
            maximum_concurrency=maximum_concurrency,
            **settings,
        )
        mappings.put("one", mapping)
        await mappings.drain()

    asyncio.run(run())


def test_processed_messages_are_deleted(backends, queue):
    """A batch that succeeds never comes again."""
    url, arn = queue
    fed(backends, url, "1", "2")

    drained(backends, Function({}), arn)

    assert left(backends, url) == []


def test_event_is_as_lambda_writes_it(backends, queue):
    """Powertools and every handler on the web read these keys."""
    url, arn = queue
    backends.client("sqs").send_message(
        QueueUrl=url,
        MessageBody="m",
        MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}},
    )
    function = Function({})

    drained(backends, function, arn)

    record = function.batches[0][0]
    assert (record["body"], record["eventSource"], record["eventSourceARN"]) == (
        "m",
        "aws:sqs",
        arn,
    )
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["awsRegion"] == REGION
    assert record["messageAttributes"]["k"]["stringValue"] == "v"


@pytest.mark.parametrize(("size", "batches"), [(1, 5), (2, 3), (10, 1)])
def test_batches_hold_at_most_their_size(backends, queue, size, batches):
    """`BatchSize` bounds an event."""
    url, arn = queue
    fed(backends, url, *"12345")
    backends.client("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "600"}
    )
    function = Function({})

    drained(backends, function, arn, batch_size=size)

    assert len(function.batches) == batches
    assert max(map(len, function.batches)) <= size


def test_only_failed_messages_come_again(backends, queue):
    """With `ReportBatchItemFailures`, the others are done."""
    url, arn = queue
    fed(backends, url, "good", "bad")
    function = Function(reporting("bad"), {})

    drained(backends, function, arn, reports_failures=True)

    assert function.bodies == [["good", "bad"], ["bad"]]


def test_reports_count_only_where_they_were_asked_for(backends, queue):
    """Without `ReportBatchItemFailures` an answer is an answer."""
    url, arn = queue
    fed(backends, url, "bad")
    function = Function(reporting("bad"))

    drained(backends, function, arn)

    assert function.bodies == [["bad"]]


def test_failed_batch_comes_again_whole(backends, queue):
    """A function that raises has done nothing."""
    url, arn = queue
    fed(backends, url, "1", "2")
    function = Function(None, {})

    drained(backends, function, arn)

    assert function.bodies == [["1", "2"], ["1", "2"]]


def test_message_that_came_too_often_ends_in_the_dead_letter_queue(backends):
    """`maxReceiveCount` deliveries, and none more."""
    dead_url, dead_arn = make_queue(backends, "dead")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3})
    url, arn = make_queue(backends, "tried-thrice", RedrivePolicy=policy)
    fed(backends, url, "poison")
    function = Function(None)

    drained(backends, function, arn)

    assert len(function.batches) == 3
    assert left(backends, dead_url) == ["poison"]


def test_hidden_message_is_not_delivered(backends, queue):
    """While a message is hidden, whoever hid it still has it."""
    url, arn = queue
    fed(backends, url, "later")
    backends.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=600)
    function = Function({})

    drained(backends, function, arn)

    assert function.batches == []


def test_no_more_batches_at_a_time_than_wanted(backends, queue):
    """`MaximumConcurrency` bounds what a queue asks of a function."""
    url, arn = queue
    fed(backends, url, *"123456")
    backends.client("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "600"}
    )
    now = most = 0

    class Slow(Function):
        async def invoke(self, function, qualifier, payload):
            nonlocal now, most
            now += 1
            most = max(most, now)
            for _ in range(10):
                await asyncio.sleep(0)
            now -= 1
            return await super().invoke(function, qualifier, payload)

    drained(backends, Slow({}), arn, batch_size=1, maximum_concurrency=2)

    assert most == 2


def test_throttled_batch_is_tried_again(backends, queue):
    """Throttling costs a message none of its deliveries while its time lasts."""
    url, arn = queue
    fed(backends, url, "1")
    backends.client("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"VisibilityTimeout": "600"}
    )
    function, waited = Function(TooManyRequestsError("ReservedFunctionLimit"), {}), []

    async def pause(seconds):
        waited.append(seconds)

    drained(backends, function, arn, pause=pause)

    assert [r["attributes"]["ApproximateReceiveCount"] for b in function.batches for r in b] == [
        "1",
        "1",
    ]
    assert (len(waited), left(backends, url)) == (1, [])


def test_missing_function_is_told(backends):
    """Nothing is lost: what nobody takes ends in the dead-letter queue."""
    dead_url, dead_arn = make_queue(backends, "dead-of-nobody")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = make_queue(backends, "asks-nobody", RedrivePolicy=policy)
    fed(backends, url, "1")
    lost = []

    drained(backends, Function(ResourceNotFoundError("Function not found")), arn, lost=lost)

    assert [arn for arn, _ in lost] == [FUNCTION]
    assert left(backends, dead_url) == ["1"]
