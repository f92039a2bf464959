"""A subject is what the request says, or a named fault; never a guess."""

import pytest

from falaj.experiments.subject import (
    SubjectFault,
    SubjectSource,
    Where,
    checked_subject,
    pseudonym,
)

HEADER = SubjectSource(where=Where.HEADER, name="X-User")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("u-1", "u-1"),
        ("سارة", "سارة"),
        (7, "7"),
        (None, SubjectFault.MISSING),
        ("", SubjectFault.EMPTY),
        ("  ", SubjectFault.EMPTY),
        (1.5, SubjectFault.WRONG_TYPE),
        (True, SubjectFault.WRONG_TYPE),
        (["u"], SubjectFault.WRONG_TYPE),
        ({}, SubjectFault.WRONG_TYPE),
        ("u" * 257, SubjectFault.TOO_LONG),
        (10**400, SubjectFault.TOO_LONG),
        ("u\n1", SubjectFault.UNPRINTABLE),
        ("\ud800", SubjectFault.UNPRINTABLE),
    ],
)
def test_value_is_taken_as_it_is_or_refused_by_name(value, expected):
    """Nothing is trimmed, cast or invented."""
    assert checked_subject(value) == expected


def test_header_name_ignores_case():
    """Header names have no case."""
    assert HEADER.read(headers={"x-user": "u-1"}) == "u-1"


def test_repeated_header_is_ambiguous():
    """Two values are no value."""
    assert HEADER.read(headers={"x-user": "u-1,u-2"}) is SubjectFault.AMBIGUOUS


@pytest.mark.parametrize("where", [Where.PARAMETER, Where.CLAIM])
def test_parameter_and_claim_are_read_from_their_own_place(where):
    """A claim is never taken from parameters, nor the other way round."""
    source = SubjectSource(where=where, name="user")
    places = {"parameters": {"user": "from-parameter"}, "claims": {"user": "from-claim"}}

    assert source.read(**places) == f"from-{where.value}"


def test_no_request_part_means_missing():
    """A request without headers has no subject."""
    assert HEADER.read() is SubjectFault.MISSING


def test_pseudonym_depends_on_the_key():
    """Without the tenant's key a pseudonym says nothing."""
    assert pseudonym("784-1990", b"k" * 32) != pseudonym("784-1990", b"l" * 32)


def test_short_key_is_refused():
    """A guessable key is no key."""
    with pytest.raises(ValueError, match="16 bytes"):
        pseudonym("u", b"short")
