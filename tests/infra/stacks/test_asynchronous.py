"""Promise: what waits is encrypted, bounded, watched, and asked by whoever may ask it alone."""

import pytest

from falaj.domain.asynchronous import ATTEMPTS
from infra.constructs.api_routes import most_models
from infra.refusals import MOST_ASYNCHRONOUS

STACK = "FalajAsynchronous"
ROUTES = ["/v2/models/churn/infer_async", "/v2/models/churn/results/{proxy+}"]


def named(assembly, kind, part):
    """Return the one resource of a type whose logical id holds a word."""
    found = [r for id_, r in assembly.of_type(STACK, kind).items() if part in id_]
    (resource,) = found
    return resource["Properties"]


def actions(assembly, function):
    """Return every action of a function's role, and on what."""
    role = named(assembly, "AWS::IAM::Role", function)
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    return {each["Sid"]: each for each in statements}


def test_only_asked_models_answer_later(assembly):
    """A model without the part has neither route nor right."""
    (api,) = (
        body
        for kind in ("AWS::ApiGatewayV2::Api", "AWS::ApiGateway::RestApi")
        for body in assembly.of_type("FalajApi", kind).values()
    )
    paths = api["Properties"]["Body"]["paths"]

    assert [path for path in paths if "infer_async" in path or "results" in path] == ROUTES


def test_nothing_is_made_where_nobody_asks_for_it(catalogue, assemble):
    """Off by default: no stack, no function, no queue."""
    catalogue.add("churn")

    assert STACK not in assemble(catalogue.sources).templates


def test_results_go_when_they_are_old(assembly):
    """Each model's after its own days, requests after SQS has forgotten their messages."""
    bucket = named(assembly, "AWS::S3::Bucket", "Bucket")
    rules = bucket["LifecycleConfiguration"]["Rules"]
    days = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "Prefix" in r}

    assert days == {"requests/": 15, "results/churn/": 3, "sent/": 15}
    assert {"NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"} <= rules[-1].keys()


def test_message_is_tried_and_then_given_up(assembly):
    """As often as the worker counts, and both queues hide messages longer than it works."""
    queue = named(assembly, "AWS::SQS::Queue", "RoomQueue")
    abandoned = named(assembly, "AWS::SQS::Queue", "RoomAbandoned")
    worker = named(assembly, "AWS::Lambda::Function", "Worker")

    assert queue["RedrivePolicy"]["maxReceiveCount"] == ATTEMPTS
    assert queue["VisibilityTimeout"] == abandoned["VisibilityTimeout"] == 6 * worker["Timeout"]
    assert abandoned["MessageRetentionPeriod"] == 14 * 86_400
    assert all("KmsMasterKeyId" in each for each in (queue, abandoned))


@pytest.mark.parametrize("part", ["WorkerWaiting", "WorkerAbandoned"])
def test_queues_feed_the_worker_in_bounds(assembly, part):
    """Partial failures, and no more at a time than leaves room for callers who wait."""
    mapping = named(assembly, "AWS::Lambda::EventSourceMapping", part)

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_intake_takes_and_gives_and_asks_no_model(assembly):
    """It writes no results, reads no queue, and invokes nothing."""
    given = actions(assembly, "IntakeFunctionRole")

    assert given["KeepRequests"]["Action"] == ["s3:PutObject"]
    assert "results" not in str(given["KeepRequests"]["Resource"])
    assert given["SendMessages"]["Action"] == ["sqs:SendMessage"]
    assert "lambda:InvokeFunction" not in str(given)


def test_worker_asks_live_aliases_alone(assembly):
    """By the parameter that names the alias, as the API does."""
    given = actions(assembly, "WorkerFunctionRole")

    assert given["AskModels"]["Resource"] == {"Ref": "Aliaschurn"}
    assert "sqs:SendMessage" not in str(given)


def test_people_hear_of_what_waits_too_long(assembly):
    """And of what was given up, which the worker takes from its queue at once."""
    alarms = assembly.of_type(STACK, "AWS::CloudWatch::Alarm").values()
    found = {each["Properties"]["MetricName"]: each["Properties"] for each in alarms}

    assert found["ApproximateAgeOfOldestMessage"]["Threshold"] == 900
    assert found["NumberOfMessagesReceived"]["Threshold"] == 1
    assert all(each["AlarmActions"] for each in found.values())


def test_callers_are_asked_and_recorded(enterprise):
    """The same check, and the same records, as every function has."""
    intake = named(enterprise, "AWS::Lambda::Function", "Intake")
    feeds = enterprise.of_type(STACK, "AWS::Logs::SubscriptionFilter")

    assert {"FALAJ_ACCESS", "FALAJ_CAPTURE"} <= intake["Environment"]["Variables"].keys()
    assert len(feeds) == 1


def test_an_api_holds_fewer_models_that_answer_later():
    """Each has three resources more."""
    assert most_models(0, 2) == most_models(6) < most_models(0)


def test_too_many_for_one_role_are_refused(catalogue, assemble):
    """Before anything is made, with the figure."""
    for number in range(MOST_ASYNCHRONOUS + 1):
        catalogue.add(f"m{number}", asynchronous={})

    with pytest.raises(Exception, match=f"can name {MOST_ASYNCHRONOUS}"):
        assemble(catalogue.sources)
