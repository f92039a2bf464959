"""Batches reach the buckets that were named, and no more; versions stay for the runs that began."""

import json

import pytest

from falaj.errors import ConfigurationError
from infra.config.deployment import Deployment
from infra.constructs.batch_machine import definition
from tests.infra.conftest import BATCH_CONTEXT, new_catalogue, synthesized

STACK = "FalajBatch"
KEY = "00000000-0000-0000-0000-000000000002"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory):
    """Two models that answer batches, in the stricter profile."""
    root = tmp_path_factory.mktemp("batches")
    catalogue = new_catalogue(root)
    catalogue.add("churn")
    catalogue.add("file-type", version=2, also_serve=[1])
    context = {"falaj:profile": "enterprise", "falaj:platform": "lambda", **BATCH_CONTEXT}
    return synthesized(catalogue.sources, root / "out", context)


def _statements(assembly, role_of):
    for role in assembly.of_type(STACK, "AWS::IAM::Role").values():
        document = json.dumps(role["Properties"]["AssumeRolePolicyDocument"])
        if role_of in document:
            for policy in role["Properties"]["Policies"]:
                yield from policy["PolicyDocument"]["Statement"]


def test_each_model_that_was_named_has_a_function_and_a_kept_version(assembly):
    """A run goes on with the version it began with, whatever is deployed meanwhile."""
    functions = assembly.of_type(STACK, "AWS::Lambda::Function")
    names = {
        each["Properties"]["Environment"]["Variables"]["FALAJ_MODEL_NAME"]
        for each in functions.values()
    }
    assert names == {"churn", "file-type"}
    versions = assembly.of_type(STACK, "AWS::Lambda::Version").values()
    assert {each["DeletionPolicy"] for each in versions} == {"RetainExceptOnCreate"}
    assert len(versions) == 2


def test_function_carries_the_layers_and_model_of_predict(assembly):
    """The same artefacts answer a request and a record."""
    predict = assembly.one("FalajModel-churn", "AWS::Lambda::Function")["Properties"]
    batch = next(
        each["Properties"]
        for each in assembly.of_type(STACK, "AWS::Lambda::Function").values()
        if each["Properties"]["Environment"]["Variables"]["FALAJ_MODEL_NAME"] == "churn"
    )
    for name in ("Layers", "Runtime", "Architectures", "Handler"):
        assert batch[name] == predict[name]
    for name in ("FALAJ_MODEL_VERSION", "FALAJ_PUBLISHER_KEY", "FALAJ_THREADS"):
        assert batch["Environment"]["Variables"][name] == predict["Environment"]["Variables"][name]
    assert "FALAJ_ACCESS" not in batch["Environment"]["Variables"]


def test_roles_reach_the_named_buckets_alone_and_delete_nothing(assembly):
    """A role may not read every bucket, and answers are never taken back."""
    for statement in [*_statements(assembly, "lambda."), *_statements(assembly, "states.")]:
        actions = statement["Action"]
        text = json.dumps(statement["Resource"])
        assert not any("Delete" in action and "s3" in action for action in actions)
        if any(action.startswith("s3:") for action in actions) and "cdk-" not in text:
            assert ":s3:::rows-" in text
            assert ":s3:::answers-" in text
            assert "*" not in text.replace("-me-central-1/*", "")
        if statement["Sid"] == "UseBucketKeys":
            assert text.endswith(f':key/{KEY}"}}')


def test_models_do_not_wait_for_batches(assembly):
    """A model is deployed whether batches are or not."""
    artifacts = json.loads((assembly.folder / "manifest.json").read_bytes())["artifacts"]
    assert STACK not in artifacts["FalajModel-churn"]["dependencies"]
    assert "FalajFoundation" in artifacts[STACK]["dependencies"]


def test_machine_is_encrypted_logged_and_traced(assembly):
    """Under the customer's key, without anybody's payload in a log."""
    machine = assembly.one(STACK, "AWS::StepFunctions::StateMachine")["Properties"]
    assert machine["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert json.loads(machine["DefinitionString"]) == definition()


def test_no_batch_is_asked_for_and_nothing_is_there(smb):
    """Who asks for no batches gets no stack."""
    assert STACK not in smb.templates


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"batch": "churn"}, "need each other"),
        ({"batchBuckets": "rows-me-central-1"}, "need each other"),
        ({"batch": "all", "batchBuckets": "Rows"}, "no bucket's name"),
        ({"batch": "all", "batchBuckets": "rows"}, "in which region"),
        ({"batch": "all", "batchBuckets": "rows-me-central-1=arn:aws:kms:2"}, "no key's id"),
    ],
)
def test_setting_that_cannot_be_is_refused(context, words):
    """Every fault says what to write."""
    with pytest.raises(ConfigurationError, match=words):
        Deployment.from_context({f"falaj:{key}": value for key, value in context.items()})
