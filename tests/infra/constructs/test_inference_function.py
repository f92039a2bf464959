"""Promise: a Lambda version is the release, and CloudFormation never touches the alias again."""

import json
import shutil

import pytest

from falaj.contract import BOUNDARY_PATH
from falaj.domain.publisher import is_fingerprint
from infra.sources import Sources

KEPT = ("RetainExceptOnCreate", "Retain")
"""Kept, except what a deployment that fails had just created: the next attempt would collide."""


def version_id(assembly, stack="FalajModel-churn") -> str:
    """Return the logical id of a stack's published version."""
    (id_,) = assembly.of_type(stack, "AWS::Lambda::Version")
    return id_


def alias(assembly, stack="FalajModel-churn"):
    """Return the properties of a stack's alias."""
    return assembly.one(stack, "AWS::Lambda::Alias")["Properties"]


@pytest.fixture
def checkout(catalogue, tmp_path) -> Sources:
    """A catalogue of one model beside a copy of the shared library that may be edited."""
    catalogue.add("churn")
    repository = tmp_path / "checkout"
    original = catalogue.sources.repository
    for folder in ("functions", "layers"):
        shutil.copytree(
            original / folder, repository / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return Sources(
        repository=repository, models=catalogue.sources.models, build=catalogue.sources.build
    )


def test_an_edit_in_the_shared_library_is_a_new_version(checkout, assemble):
    """The layer changes, hence the function, hence the version that the rollout is about."""
    before = assemble(checkout)
    with (checkout.runtime / "falaj" / "contract.py").open("a") as module:
        module.write("\nEDITED = True\n")
    after = assemble(checkout)

    assert version_id(before) != version_id(after)
    assert layer_parameter(before) != layer_parameter(after)


def layer_parameter(assembly) -> str:
    """Return which runtime layer a model's function asks for."""
    return assembly.template("FalajModel-churn")["Parameters"]["RuntimeLayer"]["Default"]


def test_the_alias_is_the_same_text_whatever_is_released(checkout, catalogue, assemble):
    """CloudFormation sees no change, so the controller's shares stay as they are."""
    before = assemble(checkout)
    with (checkout.runtime / "falaj" / "contract.py").open("a") as module:
        module.write("\nEDITED = True\n")
    catalogue.add("churn", version=2, compute={"memory_mib": 3000, "min_warm": 1})
    after = assemble(checkout)

    assert version_id(before) != version_id(after)
    assert alias(before) == alias(after)


def test_the_alias_names_nothing_that_a_deployment_could_reset(assembly):
    """A description or a weight in the template would be written back over the controller's."""
    (function,) = assembly.of_type("FalajModel-churn", "AWS::Lambda::Function")

    assert alias(assembly) == {
        "FunctionName": {"Ref": function},
        "FunctionVersion": "1",
        "Name": "live",
    }


def test_the_alias_waits_for_the_first_version(assembly):
    """On the first deployment version 1 exists before the alias names it."""
    resource = assembly.one("FalajModel-churn", "AWS::Lambda::Alias")

    assert resource["DependsOn"] == [version_id(assembly)]


def test_the_same_sources_give_the_same_version(checkout, assemble):
    """Deploying twice releases nothing."""
    assert version_id(assemble(checkout)) == version_id(assemble(checkout))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"compute": {"memory_mib": 3000}},
        {"compute": {"timeout_s": 3}},
        {"compute": {"threads": 2}},
        {"compute": {"min_warm": 1}},
        {"also_serve": [5]},
    ],
)
def test_whatever_a_version_freezes_makes_a_new_one(checkout, catalogue, assemble, change):
    """Provisioned concurrency too: CloudFormation would replace the version to change it."""
    before = assemble(checkout)
    catalogue.add("churn", **change)
    after = assemble(checkout)

    assert version_id(before) != version_id(after)
    assert descriptions(before) != descriptions(after)


def descriptions(assembly) -> str:
    """Return the function's description, by which Lambda tells a version from the last one."""
    function = assembly.one("FalajModel-churn", "AWS::Lambda::Function")
    return function["Properties"]["Description"]


def test_a_changed_plan_or_reserve_is_no_new_version(checkout, catalogue, assemble):
    """Nothing that answers requests has changed."""
    before = assemble(checkout)
    catalogue.add("churn", release={"steps": [0.5]}, compute={"reserved_concurrency": 7})
    after = assemble(checkout)

    assert version_id(before) == version_id(after)


def test_versions_outlive_their_template(assembly):
    """A rollback finds the version it goes back to."""
    for stack in ("FalajModel-churn", "FalajModel-file-type"):
        version = assembly.one(stack, "AWS::Lambda::Version")
        assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == KEPT


def test_layers_outlive_their_template(assembly):
    """A function that is rolled back finds the layer it was published with."""
    layers = assembly.of_type("FalajFoundation", "AWS::Lambda::LayerVersion").values()

    assert {(v["DeletionPolicy"], v["UpdateReplacePolicy"]) for v in layers} == {KEPT}


def test_provisioned_concurrency_is_on_the_version_never_on_the_alias(assembly):
    """Lambda refuses it on an alias that has weights."""
    stack = "FalajModel-file-type"
    version = assembly.one(stack, "AWS::Lambda::Version")["Properties"]

    assert version["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
    assert "ProvisionedConcurrencyConfig" not in alias(assembly, stack)


def test_reserved_concurrency_is_the_functions(assembly):
    """A ceiling, and a share of the account that nobody else takes."""
    function = assembly.one("FalajModel-file-type", "AWS::Lambda::Function")

    assert function["Properties"]["ReservedConcurrentExecutions"] == 5


def test_snapshots_are_taken_of_published_versions(assembly):
    """The only thing SnapStart works on."""
    snap = assembly.one("FalajModel-snap", "AWS::Lambda::Function")["Properties"]
    churn = assembly.one("FalajModel-churn", "AWS::Lambda::Function")["Properties"]

    assert (snap["SnapStart"], "SnapStart" in churn) == ({"ApplyOn": "PublishedVersions"}, False)


def test_a_function_is_told_what_it_serves(assembly):
    """By the names that the running code reads."""
    variables = assembly.one("FalajModel-file-type", "AWS::Lambda::Function")["Properties"][
        "Environment"
    ]["Variables"]

    fingerprint = variables.pop("FALAJ_PUBLISHER_KEY")
    assert is_fingerprint(fingerprint)
    variables.pop("AWS_ENDPOINT_URL_DYNAMODB", None)  # of the network, where there is one
    assert variables.pop("FALAJ_CAPTURE", "/falaj/capture/keys") == "/falaj/capture/keys"
    assert json.loads(variables.pop("FALAJ_ACCESS"))["models"] == [
        {"model": "file-type", "invoke": ["model:file-type:invoke"], "tenants": []}
    ]
    assert {key: variables[key] for key in variables if key != "FALAJ_PROFILE"} == {
        "FALAJ_MODEL_NAME": "file-type",
        "FALAJ_MODEL_VERSION": "2",
        "FALAJ_THREADS": "auto",
    }


def test_a_function_is_built_for_what_it_declares(assembly):
    """Each architecture gets its own layer."""
    arms = assembly.template("FalajModel-churn")["Parameters"]["OnnxLayer"]["Default"]
    intel = assembly.template("FalajModel-file-type")["Parameters"]["OnnxLayer"]["Default"]

    assert (arms.split("/")[4], intel.split("/")[4]) == ("arm64", "x86_64")


def test_a_role_may_do_nothing_it_need_not(assembly):
    """The only `*` are X-Ray's, CloudWatch's and network interfaces', which take no resource."""
    for name, template in assembly.templates.items():
        for id_, resource in template["Resources"].items():
            if resource["Properties"].get("Path") == BOUNDARY_PATH:
                continue  # bounds what others allow, and allows nothing itself
            for statement in statements(resource):
                if "*" in statement["Resource"] and statement["Effect"] == "Allow":
                    allowed = {"WriteTraces", "ReadMetrics", "WriteOwnMetrics", "JoinNetwork"}
                    assert statement["Sid"] in allowed, (name, id_)
                assert not any("*" in action for action in statement["Action"]), (name, id_)


def statements(resource) -> list[dict]:
    """Return what a role or policy allows."""
    properties = resource.get("Properties", {})
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    if resource["Type"] == "AWS::IAM::ManagedPolicy":
        documents.append(properties["PolicyDocument"])
    return [statement for document in documents for statement in document["Statement"]]


def test_every_function_has_a_role_and_a_log_group_of_its_own(assembly):
    """What one may do, the other may not."""
    for template in assembly.templates.values():
        functions = [
            r["Properties"]
            for r in template["Resources"].values()
            if r["Type"] == "AWS::Lambda::Function"
        ]
        roles = {str(f["Role"]) for f in functions}
        groups = {str(f["LoggingConfig"]) for f in functions}
        assert len(roles) == len(groups) == len(functions)


def test_logs_have_an_end_and_in_the_bank_a_key(smb, enterprise):
    """Retention and key follow the profile."""
    small = smb.one("FalajModel-churn", "AWS::Logs::LogGroup")["Properties"]
    bank = enterprise.one("FalajModel-churn", "AWS::Logs::LogGroup")["Properties"]

    assert (small["RetentionInDays"], "KmsKeyId" in small) == (30, False)
    assert (bank["RetentionInDays"], bank["KmsKeyId"]) == (365, {"Ref": "ClassKeyArn"})


def test_the_desired_release_is_written_last(assembly):
    """A deployment that fails has told the controller nothing."""
    resources = assembly.template("FalajModel-churn")["Resources"]
    (version,) = assembly.of_type("FalajModel-churn", "AWS::Lambda::Version")
    (alias_id,) = assembly.of_type("FalajModel-churn", "AWS::Lambda::Alias")

    alarms = assembly.of_type("FalajModel-churn", "AWS::CloudWatch::Alarm")
    assert set(resources["DesiredRelease"]["DependsOn"]) == {"AliasArn", alias_id, *alarms}
    assert version in json.dumps(resources["DesiredRelease"]["Properties"]["Value"])
