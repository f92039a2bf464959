"""The analyst is deployed with exactly what it needs, and only where experiments are declared."""

import json

import pytest

from falaj.contract import ANALYST_PARAMETER, ENV_ANALYST
from tests.infra.conftest import new_catalogue, synthesized
from tests.infra.stacks.test_experiments import STICKY, add, declare

STACK = "FalajExperiments"
STATISTICS = ("analysis/desk.py", "analysis/page.css", "handler.py")


@pytest.fixture(scope="module")
def assembly(tmp_path_factory):
    """A model with a sticky experiment."""
    root = tmp_path_factory.mktemp("analyst")
    catalogue = new_catalogue(root)
    add(catalogue, 2, 3)
    declare(catalogue, **STICKY)
    return synthesized(
        catalogue.sources,
        root / "out",
        {"falaj:profile": "enterprise", "falaj:platform": "lambda"},
    )


def found(assembly, kind, stack=STACK, *, of=""):
    """Return the properties of every resource of a kind whose id begins so."""
    return [
        body["Properties"]
        for name, body in assembly.template(stack)["Resources"].items()
        if body["Type"] == kind and name.startswith(of)
    ]


def actions(assembly, stack, of):
    """Return every action that a role may take."""
    (role,) = found(assembly, "AWS::IAM::Role", stack, of=of)
    statements = [s for p in role["Policies"] for s in p["PolicyDocument"]["Statement"]]
    return {action for statement in statements for action in statement["Action"]}


def test_it_looks_every_five_minutes(assembly):
    """The schedule may invoke it, and a round that fails is kept."""
    (rule,) = found(assembly, "AWS::Events::Rule")
    targets = [
        invoke["DestinationConfig"]["OnFailure"]
        for invoke in found(assembly, "AWS::Lambda::EventInvokeConfig", of="Analyst")
    ]

    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert len(targets) == 1


def test_it_can_touch_no_alias_and_no_function(assembly):
    """The rollout controller stays the alias's only writer."""
    allowed = actions(assembly, STACK, "AnalystFunctionRole")

    assert not {action for action in allowed if action.startswith(("lambda:", "iam:"))}
    assert "dynamodb:DeleteItem" not in allowed
    assert "s3:DeleteObject" not in allowed


def test_it_carries_the_statistics_and_numpy(assembly):
    """Its code holds the package; its layers are the runtime and NumPy."""
    (function,) = found(assembly, "AWS::Lambda::Function", of="AnalystFunction")
    holders = [
        folder
        for folder in assembly.folder.glob("asset.*")
        if all((folder / name).is_file() for name in STATISTICS)
    ]

    assert len(holders) == 1
    assert len(function["Layers"]) == 2
    assert function["EphemeralStorage"] == {"Size": 4096}
    assert function["Timeout"] == 600


def test_people_and_the_platform_find_it_by_name(assembly):
    """One parameter tells; the platform function may invoke that one, and waits for it."""
    names = [each["Name"] for each in found(assembly, "AWS::SSM::Parameter")]
    (platform,) = found(assembly, "AWS::Lambda::Function", "FalajApi", of="Platform")
    (role,) = found(assembly, "AWS::IAM::Role", "FalajApi", of="Platform")
    text = json.dumps(role["Policies"])

    assert ANALYST_PARAMETER in names
    assert ENV_ANALYST in platform["Environment"]["Variables"]
    assert '"AskAnalyst"' in text
    assert platform["Timeout"] == 29


def test_without_experiments_there_is_no_analyst(tmp_path):
    """Nor its layer, nor a right to ask it."""
    catalogue = new_catalogue(tmp_path)
    catalogue.add("plain")
    made = synthesized(
        catalogue.sources, tmp_path / "out", {"falaj:profile": "smb", "falaj:platform": "lambda"}
    )

    assert STACK not in made.templates
    assert "AskAnalyst" not in json.dumps(made.template("FalajApi"))
    assert "AnalysisLayer" not in json.dumps(made.template("FalajFoundation"))
