"""`--target aws` asks whomever boto3 asks, with the credentials that boto3 finds."""

import pytest

from falaj.contract import CONTROLLER_PARAMETER
from falaj.domain.rollout import Phase
from tests.cli.aws_shell import KEYS, lead

ENDED = {
    "status": Phase.BAKING,
    "watch": Phase.BAKING,
    "history": Phase.BAKING,
    "pause": Phase.PAUSED,
    "resume": Phase.BAKING,
    "approve": Phase.BAKING,
    "abort": Phase.ROLLED_BACK,
    "promote": Phase.PROMOTED,
}


@pytest.fixture
def aws(region, monkeypatch, tmp_path):
    """The region stands for AWS: no port leads there, only what boto3 reads does."""
    lead(monkeypatch, f"http://127.0.0.1:{region.port}", tmp_path)
    return region


def words_of(verb):
    """The rest of a command line that does something."""
    more = {
        "status": [],
        "watch": ["--once"],
        "history": [],
        "promote": ["--skip-guard", "--yes", "--reason", "why"],
    }
    return [verb, "m", *more.get(verb, ["--reason", "why"]), "--target", "aws", "--json"]


@pytest.mark.parametrize("verb", ENDED)
def test_verb_reaches_aws(falaj, aws, verb):
    """Signed for me-central-1 by the operator's own key, wherever else their profile points."""
    if verb == "resume":
        falaj("rollout", *words_of("pause"))

    said = falaj("rollout", *words_of(verb))

    assert (said.exit, aws.controller.world.load().phase) == (0, ENDED[verb])
    for header in aws.signed:
        key, _, scoped, *_ = header.partition("Credential=")[2].split("/")
        assert (key, scoped) == (KEYS["AWS_ACCESS_KEY_ID"], "me-central-1")


def test_undo_reaches_aws(falaj, aws):
    """Within the window, and in the name of whom the credentials are."""
    falaj("rollout", *words_of("promote"))

    said = falaj("rollout", *words_of("undo"))

    assert (said.exit, aws.controller.world.alias.state.version) == (0, "1")
    assert said.document["decision"]["actor"].startswith("arn:aws:sts::")


def test_records_come_from_aws_and_replay(falaj, aws, tmp_path):
    """Fetched with their signatures and the key, and checked without any of it."""
    aws.keep_records()
    fetched = falaj(
        *("rollout", "history", "m", "--save", str(tmp_path), "--target", "aws", "--json")
    )
    saved = fetched.document["saved"]
    record = next(path for path in saved if path.endswith(".json"))

    said = falaj(
        *("rollout", "replay", record, "--signature", record.replace(".json", ".sig")),
        *("--public-key", str(tmp_path / "public-key.pem"), "--json"),
    )

    assert (said.exit, said.document["same"]) == (0, True)


@pytest.mark.parametrize(
    ("code", "wrong", "mend"),
    [
        ("ExpiredTokenException", "have expired", "sign in again"),
        ("ExpiredToken", "have expired", "sign in again"),
        ("UnrecognizedClientException", "are unknown there", "has enabled the region"),
        ("InvalidClientTokenId", "are unknown there", "has enabled the region"),
        ("InvalidSignatureException", "do not fit each other", "clock is right"),
        ("RequestExpired", "were used at another time", "clock is right"),
    ],
)
@pytest.mark.parametrize("verb", ["status", "pause"])
def test_refused_credentials_are_named(falaj, aws, verb, code, wrong, mend):
    """One sentence: what is wrong with them, in AWS's words too, and what to do."""
    aws.refuses = code

    said = falaj("rollout", *words_of(verb))

    assert (said.exit, said.document["code"]) == (1, "credentials")
    assert said.document["error"].startswith(f"the credentials for AWS in me-central-1 {wrong}")
    assert f"({code}: As AWS says it)" in said.document["error"]
    assert mend in said.document["error"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        (dict.fromkeys(KEYS), "no AWS credentials were found"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "the AWS credentials are incomplete"),
        ({"AWS_PROFILE": "nobodys"}, "there is no such AWS profile"),
    ],
)
def test_unusable_credentials_are_named(falaj, aws, monkeypatch, changes, wrong):
    """Nothing is sent, and what to set is said."""
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)

    said = falaj("rollout", *words_of("pause"))

    assert (said.exit, said.document["code"], aws.signed) == (1, "credentials", [])
    assert said.document["error"].startswith(wrong)


def test_wrong_account_is_named(falaj, aws):
    """Somebody else's credentials, or a stack that was never deployed: which account it is."""
    aws.backends.client("ssm").delete_parameter(Name=CONTROLLER_PARAMETER)

    said = falaj("rollout", *words_of("status"))

    account = f"account {aws.backends.account} of AWS in me-central-1"
    assert said.exit == 1
    assert said.document["error"].startswith(f"{account} has no rollout controller")
    assert "deploy the rollouts stack" in said.document["error"]


def test_other_refusal_is_passed_on(falaj, aws):
    """A policy that forbids it is no matter of signing in."""
    aws.refuses = "AccessDeniedException"

    said = falaj("rollout", *words_of("status"))

    assert (said.exit, said.document["code"]) == (1, "service")
    assert "would not name its rollout controller: AccessDeniedException" in said.document["error"]


@pytest.mark.usefixtures("region")
def test_local_target_heeds_no_profile(falaj, monkeypatch):
    """A shell that is set up for an account of long ago is no reason to fail here."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")

    assert falaj("rollout", "status", "m", "--json").exit == 0
