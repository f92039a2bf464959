"""Declared experiments become what they need, and ones that could not work are refused."""

import json

import pytest
import yaml

from falaj.contract import PSEUDONYM_KEY_ALIAS, experiments_parameter
from falaj.errors import ConfigurationError
from infra.access import authorizer_access
from infra.config.deployment import Access, Deployment, Platform
from infra.config.profile import ApiKind, Profile
from infra.config.tokens import TokenIssuer
from infra.constructs.api_routes import Backend, most_models
from infra.packaging import read_models
from infra.refusals import catalogue_faults
from policies.assembly import read_stacks
from policies.evaluation import evaluate
from policies.registry import RULES
from tests.infra.conftest import new_catalogue, synthesized
from tests.infra.constructs.test_inference_api import routes

STACK, MODEL = "FalajExperiments", "FalajModel-churn"
THREE = [
    {"name": "control", "share": 0.4},
    {"name": "warm", "share": 0.3, "model_version": 2},
    {"name": "bold", "share": 0.3, "model_version": 3},
]
STICKY = {"unit": "subject", "subject": {"where": "header", "name": "x-user"}, "arms": THREE}
SPLIT = {"arms": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}]}


TOKENS = {
    "access": Access.JWT,
    "tokens": TokenIssuer(issuer="https://id.example", audiences=("falaj",), keys="keys.json"),
}


def declare(catalogue, name="greeting", model="churn", **settings):
    """Write an experiment's declaration beside its model."""
    value = {
        "name": name,
        "model": model,
        "metrics": [{"name": "clicked", "kind": "binary"}],
        **settings,
    }
    folder = catalogue.sources.models / model / "experiments"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")


def add(catalogue, *built, model="churn", **settings):
    """Add a model with further versions built beside its own."""
    catalogue.add(model, **settings)
    for version in built:
        (catalogue.sources.models / model / str(version)).mkdir()
        catalogue.build(model, version)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Both profiles of a model with a sticky experiment, one with a split, and one with none."""
    root = tmp_path_factory.mktemp("experiments")
    catalogue = new_catalogue(root)
    add(catalogue, 2, 3)
    declare(catalogue, **STICKY)
    split = {"plan": "split", "steps": [0.5], "bake": "10m"}
    catalogue.add("halves", release=split)
    declare(catalogue, model="halves", **SPLIT)
    catalogue.add("plain")
    return {
        profile: synthesized(
            catalogue.sources,
            root / profile,
            {"falaj:profile": profile, "falaj:platform": "lambda"},
        )
        for profile in ("smb", "enterprise")
    }


@pytest.fixture(params=["smb", "enterprise"])
def assembly(request, both):
    """Each profile in turn."""
    return both[request.param]


def rights(assembly, stack, *, of="AWS::IAM::Role"):
    """Return every right that a stack's roles have, by name."""
    found = {}
    for role in assembly.of_type(stack, of).values():
        for policy in role["Properties"].get("Policies", ()):
            found |= {s["Sid"]: s for s in policy["PolicyDocument"]["Statement"]}
    return found


def function(assembly, stack):
    """Return the properties of a stack's only function."""
    return assembly.one(stack, "AWS::Lambda::Function")["Properties"]


def of_recorder(assembly, kind):
    """Return the id and properties of the recorder's only resource of a type."""
    found = assembly.of_type(STACK, kind).items()
    ((id_, resource),) = ((id_, r) for id_, r in found if id_.startswith("Recorder"))
    return id_, resource["Properties"]


def subscriptions(assembly, stack):
    """Return the subscription filters of a stack that send to the recorder."""
    found = assembly.of_type(stack, "AWS::Logs::SubscriptionFilter").values()
    return [
        each["Properties"]
        for each in found
        if each["Properties"]["DestinationArn"] == {"Ref": "RecorderArn"}
    ]


def test_a_release_holds_every_version_that_its_arms_name(assembly):
    """Assignment is in process: no arm is a hop away."""
    (code,) = (
        path for path in assembly.folder.glob("asset.*") if (path / "models" / "churn").is_dir()
    )

    held = {path.name for path in (code / "models" / "churn").iterdir()}
    assert held == {"1", "2", "3"}
    assert all((code / "models" / "churn" / version / "model.onnx").is_file() for version in held)


def test_only_a_function_with_arms_assigns(assembly):
    """Others import nothing for it and may read nothing of it."""
    environment = function(assembly, MODEL)["Environment"]["Variables"]
    own = rights(assembly, MODEL)

    assert environment["FALAJ_EXPERIMENTS"] == experiments_parameter("churn")
    assert environment["FALAJ_PSEUDONYM_KEY"] == PSEUDONYM_KEY_ALIAS
    assert own["DerivePseudonymKey"]["Action"] == ["kms:GenerateMac"]
    assert "parameter/falaj/models/churn/experiments" in json.dumps(own["ReadRunningExperiments"])
    for stack in ("FalajModel-plain", "FalajModel-halves"):
        variables = function(assembly, stack)["Environment"]["Variables"]
        assert not {"FALAJ_EXPERIMENTS", "FALAJ_PSEUDONYM_KEY"} & set(variables)
        assert not {"DerivePseudonymKey", "ReadRunningExperiments"} & set(rights(assembly, stack))


def test_lines_about_experiments_reach_the_recorder(assembly):
    """A sticky model sends its exposures, a split all its inferences, another one nothing."""
    (sticky,) = subscriptions(assembly, MODEL)
    (split,) = subscriptions(assembly, "FalajModel-halves")
    (group,) = assembly.of_type(MODEL, "AWS::Logs::LogGroup")

    assert sticky["LogGroupName"] == {"Ref": group}
    assert sticky["FilterPattern"] == '{ ($.unit = "*") || ($.unassigned = "*") }'
    assert split["FilterPattern"] == '{ $.message = "infer" }'
    assert subscriptions(assembly, "FalajModel-plain") == []


def test_cloudwatch_logs_may_invoke_the_recorder_for_models_only(assembly):
    """Not for another account, nor for whatever else logs here; and before anyone subscribes."""
    id_of_permission, permission = of_recorder(assembly, "AWS::Lambda::Permission")
    (found,) = (
        parameter
        for parameter in assembly.of_type(STACK, "AWS::SSM::Parameter").values()
        if parameter["Properties"]["Name"].endswith("/recorder-arn")
    )

    assert permission["Principal"] == "logs.amazonaws.com"
    assert "log-group:Falaj*Model-*:*" in json.dumps(permission["SourceArn"])
    assert "SourceAccount" in permission
    assert found["DependsOn"] == [id_of_permission]


def test_models_are_deployed_after_the_recorder(assembly):
    """A subscription to a function that is not there yet would fail."""
    manifest = json.loads((assembly.folder / "manifest.json").read_bytes())

    assert STACK in manifest["artifacts"][MODEL]["dependencies"]
    assert "FalajFoundation" in manifest["artifacts"][STACK]["dependencies"]


def test_the_recorder_may_only_add_exposures(assembly):
    """It reads no outcome, removes nothing, and what it cannot keep goes to a queue."""
    own = rights(assembly, STACK)
    _, failed = of_recorder(assembly, "AWS::Lambda::EventInvokeConfig")

    assert own["WriteExposures"]["Action"] == ["s3:PutObject"]
    assert "exposures/*" in json.dumps(own["WriteExposures"]["Resource"])
    assert failed["DestinationConfig"]["OnFailure"]["Destination"]
    assert failed["MaximumEventAgeInSeconds"] == 6 * 3600


def test_somebody_is_called_when_exposures_pile_up(assembly):
    """What could not be kept is waited for by a person, not forgotten after 14 days."""
    alarms = assembly.of_type(STACK, "AWS::CloudWatch::Alarm")
    ((_, alarm),) = ((id_, a) for id_, a in alarms.items() if id_.startswith("LostExposures"))
    queue = alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"]

    assert queue[0].startswith("RecorderDeadLetters")
    assert alarm["Properties"]["AlarmActions"]


def test_feedback_is_forgotten_and_states_are_not(assembly):
    """One table has a time to live, the other none."""
    tables = assembly.of_type(STACK, "AWS::DynamoDB::Table")
    expiring = [
        table["Properties"]["TimeToLiveSpecification"]
        for table in tables.values()
        if "TimeToLiveSpecification" in table["Properties"]
    ]

    assert len(tables) == 2
    assert expiring == [{"AttributeName": "expires_at", "Enabled": True}]


def test_pseudonyms_have_a_key_that_never_leaves_kms(assembly):
    """Deleting it is what makes every pseudonym name nobody."""
    key = assembly.one(STACK, "AWS::KMS::Key")["Properties"]
    alias = assembly.one(STACK, "AWS::KMS::Alias")["Properties"]

    assert (key["KeySpec"], key["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
    assert alias["AliasName"] == PSEUDONYM_KEY_ALIAS


def test_the_platform_function_takes_feedback_and_no_more(assembly):
    """It adds outcomes; it reads none back from the log and sees no state."""
    own = rights(assembly, "FalajApi")
    variables = {
        name
        for each in assembly.of_type("FalajApi", "AWS::Lambda::Function").values()
        for name in each["Properties"]["Environment"]["Variables"]
    }

    assert {"FALAJ_FEEDBACK_TABLE", "FALAJ_EXPERIMENTS_BUCKET"} <= variables
    assert own["WriteOutcomes"]["Action"] == ["s3:PutObject"]
    assert "outcomes/*" in json.dumps(own["WriteOutcomes"]["Resource"])


def test_models_with_experiments_have_a_route_for_feedback(both):
    """A path of its own on either API: nothing depends on how a gateway ranks variables."""
    http = both["smb"].one("FalajApi", "AWS::ApiGatewayV2::Api")["Properties"]["Body"]["paths"]
    rest = both["enterprise"].one("FalajApi", "AWS::ApiGateway::RestApi")["Properties"]["Body"]

    for paths in (http, rest["paths"]):
        taking = sorted(path for path in paths if path.endswith("/feedback"))
        assert taking == ["/v2/models/churn/feedback", "/v2/models/halves/feedback"]
        feedback = json.dumps(paths["/v2/models/churn/feedback"])
        assert feedback.replace("/v2/models/churn/feedback", "") == json.dumps(
            paths["/v2/models/halves/feedback"]
        ).replace("/v2/models/halves/feedback", "")


@pytest.mark.parametrize("kind", [ApiKind.HTTP, ApiKind.REST])
def test_a_hundred_models_fit_most_of_them_with_experiments(kind):
    """The limit is 300 routes, or 300 resources with the folders on the way."""
    models = {f"m{n}": Backend(arn="u", timeout_s=5) for n in range(100)}
    taking = [f"m{n}" for n in range(90)]
    paths = routes(models=models, kind=kind, with_feedback=taking).body("t")["paths"]
    resources = {
        "/".join(path.split("/")[:depth])
        for path in paths
        for depth in range(1, len(path.rstrip("/").split("/")) + 1)
    }

    assert most_models(90) >= 100
    assert len(paths if kind is ApiKind.HTTP else resources) <= 300


def test_every_policy_holds(both):
    """Nothing about experiments is unencrypted, open, or out of the region."""
    for assembly in both.values():
        found = evaluate(read_stacks(assembly.folder), RULES).findings
        about = [finding for finding in map(str, found) if STACK in finding]
        assert about == []


def test_without_experiments_there_is_no_stack_for_them(catalogue, assemble):
    """Who declares none pays for none."""
    catalogue.add("churn")

    made = assemble(catalogue.sources)

    assert STACK not in made.templates
    assert "feedback" not in json.dumps(made.template("FalajApi"))


def faults_of(catalogue, **settings):
    """Return why a catalogue is refused."""
    models = read_models(catalogue.sources.models, catalogue.sources.build)
    return catalogue_faults(models, Deployment(**settings))


def test_an_arm_that_is_not_built_is_refused(catalogue):
    """The sentence names the version that is missing."""
    add(catalogue, 2)
    declare(catalogue, **STICKY)

    with pytest.raises(ConfigurationError, match="3"):
        faults_of(catalogue)


def test_a_declaration_is_refused_with_its_file_and_every_fault(catalogue):
    """Two files, three faults, one refusal."""
    add(catalogue)
    declare(catalogue, "one", **STICKY | {"subject": None, "alpha": 7})
    declare(catalogue, "two", **SPLIT)
    path = catalogue.sources.models / "churn" / "experiments" / "two.yaml"
    path.write_text(path.read_text().replace("model: churn", "model: other"))

    with pytest.raises(ConfigurationError) as refusal:
        faults_of(catalogue)
    told = "; ".join(refusal.value.faults)
    assert "one.yaml" in told
    assert "subject" in told
    assert "alpha" in told
    assert "two.yaml: it is about model 'other' but lies with 'churn'" in told


@pytest.mark.parametrize(
    ("declared", "settings", "sentence"),
    [
        (SPLIT, {}, "only release.plan: split divides"),
        (
            STICKY | {"arms": [{**THREE[0], "model_version": 2}, *THREE[1:]]},
            {},
            "the control control is version 2",
        ),
        (
            STICKY | {"arms": [*THREE[:2], {"name": "bold", "share": 0.3}]},
            {},
            "arm bold needs a model_version",
        ),
        (
            STICKY | {"overrides": {f"tester-{n:04d}": "warm" for n in range(300)}},
            {},
            "a parameter holds 4096",
        ),
    ],
)
def test_an_experiment_that_could_not_work_is_refused(catalogue, declared, settings, sentence):
    """At synthesis, with the mend, rather than when it is started."""
    add(catalogue, 2, 3, **settings)
    declare(catalogue, **declared)

    (fault,) = faults_of(catalogue)

    assert sentence in fault


def test_the_authorizer_is_told_which_claims_to_hand_on(catalogue):
    """Before a REST API, a subject may be any claim that an experiment names."""
    add(catalogue, 2, 3)
    declare(catalogue, **STICKY | {"subject": {"where": "claim", "name": "email"}})
    models = read_models(catalogue.sources.models, catalogue.sources.build)
    deployment = Deployment(profile=Profile.ENTERPRISE, platform=Platform.LAMBDA, **TOKENS)

    access = authorizer_access(
        deployment, [each.spec for each in models], {}, models[0].experiments
    )

    assert access.told_claims == ("email",)


@pytest.mark.parametrize(
    ("claim", "settings", "sentence"),
    [
        ("sub", {}, "no token is checked"),
        ("sub", TOKENS, ""),
        ("email", TOKENS, ""),
        ("sub", TOKENS | {"profile": Profile.ENTERPRISE}, ""),
        ("email", TOKENS | {"profile": Profile.ENTERPRISE}, ""),
    ],
)
def test_a_claim_that_nobody_hands_on_is_refused(catalogue, claim, settings, sentence):
    """A subject that no request could ever have would expose nobody, and say so nowhere."""
    add(catalogue, 2, 3)
    declare(catalogue, **STICKY | {"subject": {"where": "claim", "name": claim}})

    told = faults_of(catalogue, platform=Platform.LAMBDA, **settings)

    assert [sentence in fault for fault in told] == ([True] if sentence else [])
