"""`falaj token` mints what the local region believes, and nothing else does."""

import json

import jwt
import pytest

from cli.access import access_context, curl_words, every_scope, mint
from cli.failures import MisuseError
from cli.settings import Settings
from local_region.issuer import ISSUER
from tests.falaj.platform_front import ROOT


@pytest.fixture
def settings():
    """This repository's."""
    return Settings(root=ROOT)


def claims_of(token):
    """What a token says."""
    return jwt.decode(token, options={"verify_signature": False})


def test_a_token_opens_the_catalogue_by_default(settings):
    """A newcomer tries everything."""
    claims = claims_of(mint(settings))

    assert claims["scope"].split() == every_scope(settings)
    assert {"platform:read", "model:tashkeel:invoke"} <= set(claims["scope"].split())


def test_what_is_asked_for_is_what_it_says(falaj):
    """Tenant, scope, lifetime."""
    said = falaj("token", "--tenant", "globex", "--scope", "a", "--minutes", "5", "--json")
    claims = claims_of(json.loads(said.out)["token"])

    assert (claims["tenant"], claims["scope"], claims["iss"]) == ("globex", "a", ISSUER)
    assert claims["exp"] - claims["iat"] == 300


def test_a_tenant_that_is_none_is_misuse(falaj):
    """One sentence."""
    said = falaj("token", "--tenant", "a b")

    assert (said.exit, "no tenant's name" in said.err) == (2, True)


@pytest.mark.parametrize(("profile", "access"), [("smb", "open"), ("enterprise", "jwt")])
def test_a_profile_asks_what_it_usually_asks(profile, access):
    """A newcomer's curl works as it is; a bank's refuses what AWS would."""
    assert Settings(root=ROOT, profile=profile).access == access


def test_what_is_asked_must_be_known():
    """A typing error is no open door."""
    with pytest.raises(MisuseError, match="--access"):
        Settings(root=ROOT, asked="none")


def test_the_stacks_are_told_whose_tokens_count():
    """This machine's own issuer, by a key set that is a file in the repository's build folder."""
    words = access_context(Settings(root=ROOT, profile="enterprise"))

    assert "falaj:jwtKeys=.build/issuer/jwks.json" in words
    assert "PRIVATE" not in (ROOT / ".build/issuer/jwks.json").read_text()


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ({}, ""),
        ({"token": "abc"}, "-H 'authorization: Bearer abc' "),
        (
            {"aws_access_key_id": "AK", "aws_secret_access_key": "s"},
            "--aws-sigv4 aws:amz:me-central-1:execute-api --user AK:s ",
        ),
    ],
)
def test_curl_is_told_what_to_show(shown, words):
    """A line that works as pasted."""
    assert curl_words(shown) == words
