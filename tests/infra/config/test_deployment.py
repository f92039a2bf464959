"""Promise: a deployment that cannot be kept is refused before anything is made, with the mend."""

import re
from pathlib import Path

import pytest

from falaj.contract import REGION
from falaj.errors import ConfigurationError
from infra.config.deployment import (
    BATCH_SETTINGS,
    GPU_SETTINGS,
    HOST_PYTHON,
    NAME_SETTINGS,
    SETTINGS,
    TOKEN_SETTINGS,
    Access,
    Deployment,
    Platform,
    host_architecture,
)
from infra.config.profile import ApiKind, Profile
from infra.config.tenants import Tenants
from infra.config.tokens import read_key_set


def refusals(**context: str) -> list[str]:
    """Return what a context is refused for."""
    with pytest.raises(ConfigurationError) as caught:
        Deployment.from_context({f"falaj:{key}": value for key, value in context.items()})
    return list(caught.value.faults)


def test_nothing_given_is_a_small_business_in_the_uae_that_asks_callers_to_sign():
    """The defaults are safe in production."""
    deployment = Deployment.from_context({})

    assert deployment == Deployment(
        profile=Profile.SMB,
        region=REGION,
        account=None,
        platform=Platform.LAMBDA,
        access=Access.IAM,
        cors_origins=(),
    )


def test_other_tools_context_is_left_alone():
    """Feature flags of the CDK are not ours to judge."""
    assert Deployment.from_context({"@aws-cdk/core:x": True}) == Deployment()


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "me-south-1", ""])
def test_any_other_region_is_refused_with_the_reason(region):
    """Nothing leaves the country by a slip of the keyboard."""
    (fault,) = refusals(region=region)

    assert "nothing leaves me-central-1" in fault


def test_an_unknown_setting_is_answered_with_the_nearest_one():
    """A typing error never becomes a silent default."""
    assert refusals(profil="smb") == ["unknown setting falaj:profil; did you mean falaj:profile?"]


def test_all_faults_come_at_once():
    """One run shows everything there is to mend."""
    faults = refusals(profile="bank", region="eu-west-1", account="12", azIds="me-central-1a")

    assert [fault.split(" ")[0] for fault in faults] == [
        "falaj:profile=bank:",
        "region",
        "account",
        "azIds:",
    ]


def test_python_3_11_is_refused_on_lambda_since_its_glibc_is_too_old():
    """The wheels would fail at import, after the deployment."""
    (fault,) = refusals(python="3.11")

    assert fault == (
        "python 3.11 is refused on Lambda: it runs on Amazon Linux 2 (glibc 2.26) and the pinned "
        "wheels need glibc 2.28; write 3.12 or 3.13"
    )


def test_lambda_gets_the_same_python_whoever_deploys():
    """Two operators with different machines do not undo each other's releases."""
    assert Deployment().runtime == "python3.13"


def test_the_host_gets_its_own_python_and_processor():
    """What the local region runs fits the machine it runs on."""
    host = Deployment(platform=Platform.HOST)

    assert (host.python_version, host.architecture("arm64")) == (HOST_PYTHON, host_architecture())


def test_the_host_cannot_be_built_for_another_python():
    """A layer for another Python could not be imported here."""
    (fault,) = refusals(platform="host", python="3.9")

    assert f"this machine runs {HOST_PYTHON}" in fault


def test_lambda_gets_the_architecture_that_is_declared():
    """Only the local region overrides it."""
    assert Deployment().architecture("arm64") == "arm64"


def test_each_profile_has_its_api():
    """A bank gets a regional REST API."""
    kinds = {profile: Deployment(profile=profile).settings.api for profile in Profile}

    assert kinds == {Profile.SMB: ApiKind.HTTP, Profile.ENTERPRISE: ApiKind.REST}


def test_browsers_are_refused_where_the_api_cannot_answer_them():
    """A setting that would do nothing is not taken."""
    (fault,) = refusals(profile="enterprise", corsOrigins="https://a.example")

    assert "corsOrigins is refused with profile=enterprise" in fault


def test_a_count_that_is_none_is_refused():
    """A quota is a whole number."""
    assert refusals(concurrencyQuota="many") == [
        "falaj:concurrencyQuota=many: write a whole number"
    ]


@pytest.mark.parametrize("stage", ["a/b", "", "x" * 129])
def test_a_stage_that_api_gateway_would_refuse_is_refused(stage):
    """The deployment would fail half way."""
    (fault,) = refusals(stage=stage)

    assert fault.startswith(f"stage {stage!r}")


def test_every_setting_has_its_line_in_the_reference():
    """An operator finds what there is to choose."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "deployment.md").read_text()
    documented = re.findall(r"^\| `falaj:(\w+)`", page, flags=re.MULTILINE)

    expected = {*SETTINGS, *TOKEN_SETTINGS, *NAME_SETTINGS, *BATCH_SETTINGS}
    assert set(documented) - set(GPU_SETTINGS) == expected


JWT = {"access": "jwt", "jwtIssuer": "https://issuer.example", "jwtAudience": "falaj"}


def test_tokens_take_an_issuer_and_an_audience():
    """Whose tokens count is never guessed."""
    faults = refusals(access="jwt")

    assert [fault.split()[0] for fault in faults] == ["jwtIssuer", "jwtAudience"]


def test_a_bank_hands_its_authorizer_the_keys():
    """The function that checks tokens has no way to the internet."""
    (fault,) = refusals(profile="enterprise", **JWT)

    assert fault.startswith("jwtKeys is missing")


@pytest.mark.parametrize(
    ("context", "fault"),
    [
        (JWT | {"jwtIssuer": "http://issuer.example"}, "jwtIssuer"),
        (JWT | {"jwtIssuer": "https://issuer.example/?x"}, "jwtIssuer"),
        (JWT | {"jwtAlgorithms": "none"}, "jwtAlgorithms"),
        (JWT | {"jwtAlgorithms": "HS256"}, "jwtAlgorithms"),
        (JWT | {"jwtAlgorithms": "ES256"}, "jwtAlgorithms"),
        (JWT | {"jwtSkew": "301"}, "jwtSkew"),
        (JWT | {"jwtTenantClaim": ""}, "jwtTenantClaim"),
        ({"jwtIssuer": "https://issuer.example"}, "jwtIssuer, jwtAudience and jwtKeys take"),
        ({"access": "open", "tenants": "tenants.yaml"}, "tenants are refused"),
        ({"apiDomain": "models.example.ae"}, "apiDomain is for profile=enterprise"),
        ({"profile": "enterprise", "apiDomain": "models.example.ae"}, "apiDomain and"),
        ({"profile": "enterprise", "apiTrustStore": "ca.pem"}, "apiTrustStore needs"),
    ],
)
def test_access_that_cannot_be_checked_is_refused(context, fault):
    """With the name of the setting first."""
    assert any(text.startswith(fault) for text in refusals(**context))


def test_nobody_can_pin_an_hmac():
    """A public key would be the secret."""
    faults = refusals(profile="enterprise", **JWT, jwtKeys="keys.json", jwtAlgorithms="HS256,none")

    assert faults == [
        "jwtAlgorithms HS256, none: write of RS256, RS384, RS512, PS256, ES256, ES384"
    ]


def test_a_private_key_is_never_deployed(tmp_path):
    """Somebody saved the wrong file."""
    path = tmp_path / "keys.json"
    path.write_text('{"keys": [{"kid": "a", "kty": "RSA", "d": "secret"}, {"kty": "RSA"}]}')

    _, faults = read_key_set(path)

    assert ["private parts" in fault or "no kid" in fault for fault in faults] == [True, True]


def test_tenants_are_read_with_every_fault(tmp_path):
    """A limit that says nothing is refused by name."""
    path = tmp_path / "tenants.yaml"
    path.write_text(
        "default: {rate_per_s: 0, burst: 5}\ntenants: {a b: {}, acme: {rate: 1}}\nmore: 1\n"
    )

    with pytest.raises(ConfigurationError) as caught:
        Tenants.read(path)

    assert len(caught.value.faults) == 4


def test_tenants_limits_reach_the_functions(tmp_path):
    """As the parameter holds them."""
    path = tmp_path / "tenants.yaml"
    path.write_text(
        "default: {rate_per_s: 1, burst: 5}\n"
        "tenants: {acme: {rate_per_s: 10, burst: 20, concurrency: 3}}\n"
    )

    assert Tenants.read(path).to_dict() == {
        "*": {"rate_per_s": 1, "burst": 5},
        "acme": {"rate_per_s": 10, "burst": 20, "concurrency": 3},
    }
