# ruff: noqa: ARG005, ISC004 - the table's calls share a signature, its words span lines
"""The control plane refuses what AWS refuses, with AWS's code, status and words."""

import random
from collections import Counter

import pytest

from local_region.lambda_service import LambdaApiError, Limits
from local_region.lambda_service.routing import pick_version

ARN = "arn:aws:lambda:me-central-1:000000000000:function:f"
STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)
BAD_WEIGHT = (
    "1 validation error detected: Value '{{2={}}}' at 'routingConfig.additionalVersionWeights' "
    "failed to satisfy constraint: Map value must satisfy constraint: [Member must have value "
    "less than or equal to 1.0, Member must have value greater than or equal to 0.0, "
    "Member must not be null]"
)
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."


def configuration(**changes):
    """Return a call that changes f's configuration."""
    return lambda s, lab: s.update_function_configuration("f", **changes)


# Function f has versions 1, 2 and 3, alias `live` on 1, `shared` on 1 with 10 % to 2, `latest` on
# $LATEST; version 3 has one provisioned environment, and f reserves 4.
REFUSALS = {
    "weight above one": (
        lambda s, lab: s.update_alias("f", "live", weights={"2": 1.5}),
        ("ValidationException", 400, BAD_WEIGHT.format(1.5)),
    ),
    "weight below zero": (
        lambda s, lab: s.update_alias("f", "live", weights={"2": -0.1}),
        ("ValidationException", 400, BAD_WEIGHT.format(-0.1)),
    ),
    "weight not a number": (
        lambda s, lab: s.update_alias("f", "live", weights={"2": float("nan")}),
        ("ValidationException", 400, BAD_WEIGHT.format("nan")),
    ),
    "two additional versions": (
        lambda s, lab: s.update_alias("f", "live", weights={"2": 0.1, "3": 0.1}),
        (
            "InvalidParameterValueException",
            400,
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
    ),
    "weight on $LATEST": (
        lambda s, lab: s.update_alias("f", "live", weights={"$LATEST": 0.5}),
        (
            "ValidationException",
            400,
            "1 validation error detected: Value '{$LATEST=0.5}' at "
            "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must "
            "satisfy constraint: [Member must have length less than or equal to 1024, Member must "
            "have length greater than or equal to 1, Member must satisfy regular expression "
            "pattern: [0-9]+]",
        ),
    ),
    "weights over $LATEST": (
        lambda s, lab: s.update_alias("f", "latest", weights={"2": 0.5}),
        (
            "InvalidParameterValueException",
            400,
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
    ),
    "weight for the primary version": (
        lambda s, lab: s.create_alias("f", "new", "1", weights={"1": 0.5}),
        (
            "InvalidParameterValueException",
            400,
            "Invalid function version 1. Function version 1 is already included in routing "
            "configuration.",
        ),
    ),
    "alias of an unknown version": (
        lambda s, lab: s.create_alias("f", "new", "9"),
        ("ResourceNotFoundException", 404, f"Function not found: {ARN}:9"),
    ),
    "weight for an unknown version": (
        lambda s, lab: s.update_alias("f", "live", weights={"9": 0.5}),
        ("ResourceNotFoundException", 404, f"Function not found: {ARN}:9"),
    ),
    "alias exists": (
        lambda s, lab: s.create_alias("f", "live", "1"),
        ("ResourceConflictException", 409, f"Alias already exists: {ARN}:live"),
    ),
    "alias name of digits": (
        lambda s, lab: s.create_alias("f", "2024", "1"),
        (
            "ValidationException",
            400,
            "1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
        ),
    ),
    "update of an unknown alias": (
        lambda s, lab: s.update_alias("f", "nobody", "1"),
        ("ResourceNotFoundException", 404, f"Alias not found: {ARN}:nobody"),
    ),
    "unknown alias": (
        lambda s, lab: s.get_alias("f", "nobody"),
        ("ResourceNotFoundException", 404, f"Cannot find alias arn: {ARN}:nobody"),
    ),
    "stale revision of an alias": (
        lambda s, lab: s.update_alias("f", "live", "2", revision_id="stale"),
        ("PreconditionFailedException", 412, STALE),
    ),
    "stale revision of a function": (
        lambda s, lab: s.publish_version("f", revision_id="stale"),
        ("PreconditionFailedException", 412, STALE),
    ),
    "stale revision of a configuration": (
        configuration(memory_mib=256, revision_id="stale"),
        ("PreconditionFailedException", 412, STALE),
    ),
    "wrong code digest": (
        lambda s, lab: s.publish_version("f", code_sha256="other"),
        (
            "InvalidParameterValueException",
            400,
            "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({sha}). "
            "Please try again with the CodeSHA256 in $LATEST.",
        ),
    ),
    "function exists": (
        lambda s, lab: s.create_function(lab.settings()),
        ("ResourceConflictException", 409, "Function already exist: f"),
    ),
    "unknown function": (
        lambda s, lab: s.get_function("g"),
        (
            "ResourceNotFoundException",
            404,
            "Function not found: arn:aws:lambda:me-central-1:000000000000:function:g",
        ),
    ),
    "unknown version": (
        lambda s, lab: s.get_function("f", "9"),
        ("ResourceNotFoundException", 404, f"Function not found: {ARN}:9"),
    ),
    "another region": (
        lambda s, lab: s.get_function(ARN.replace("me-central-1", "eu-west-1")),
        (
            "ResourceNotFoundException",
            404,
            "Functions from 'eu-west-1' are not reachable in this region ('me-central-1')",
        ),
    ),
    "two qualifiers": (
        lambda s, lab: s.get_function(f"{ARN}:1", "2"),
        (
            "InvalidParameterValueException",
            400,
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
    ),
    "deleting a version in use": (
        lambda s, lab: s.delete_function("f", "1"),
        (
            "ResourceConflictException",
            409,
            "Unable to delete version because the following aliases reference it: [live, shared]",
        ),
    ),
    "deleting a weighted version": (
        lambda s, lab: s.delete_function("f", "2"),
        (
            "ResourceConflictException",
            409,
            "Unable to delete version because the following aliases reference it: [shared]",
        ),
    ),
    "deleting $LATEST": (
        lambda s, lab: s.delete_function("f", "$LATEST"),
        (
            "InvalidParameterValueException",
            400,
            "$LATEST version cannot be deleted without deleting the function.",
        ),
    ),
    "provisioned on $LATEST": (
        lambda s, lab: s.put_provisioned_concurrency("f", "$LATEST", 1),
        ("InvalidParameterValueException", 400, UNPUBLISHED),
    ),
    "provisioned on an alias of $LATEST": (
        lambda s, lab: s.put_provisioned_concurrency("f", "latest", 1),
        ("InvalidParameterValueException", 400, UNPUBLISHED),
    ),
    "provisioned on a weighted alias": (
        lambda s, lab: s.put_provisioned_concurrency("f", "shared", 1),
        (
            "InvalidParameterValueException",
            400,
            "Alias with weights can not be used with Provisioned Concurrency",
        ),
    ),
    "provisioned zero": (
        lambda s, lab: s.put_provisioned_concurrency("f", "1", 0),
        (
            "ValidationException",
            400,
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to "
            "satisfy constraint: Member must have value greater than or equal to 1",
        ),
    ),
    "provisioned beyond reserved": (
        lambda s, lab: s.put_provisioned_concurrency("f", "1", 4),
        (
            "InvalidParameterValueException",
            400,
            "Requested Provisioned Concurrency should not be greater than the "
            "reservedConcurrentExecution for function",
        ),
    ),
    "reserved below provisioned": (
        lambda s, lab: s.put_function_concurrency("f", 0),
        (
            "InvalidParameterValueException",
            400,
            " ReservedConcurrentExecutions  0 should not be lower than function's total "
            "provisioned concurrency [1].",
        ),
    ),
    "reserving the whole account": (
        lambda s, lab: s.put_function_concurrency("f", 901),
        (
            "InvalidParameterValueException",
            400,
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100].",
        ),
    ),
    "no provisioned concurrency": (
        lambda s, lab: s.get_provisioned_concurrency("f", "1"),
        (
            "ProvisionedConcurrencyConfigNotFoundException",
            404,
            "No Provisioned Concurrency Config found for this function",
        ),
    ),
    "provisioned SnapStart": (
        lambda s, lab: (
            configuration(runtime="python3.12", snap_start=True)(s, lab),
            s.put_provisioned_concurrency("f", s.publish_version("f").version, 1),
        ),
        (
            "InvalidParameterValueException",
            400,
            "Provisioned Concurrency is not supported for SnapStart enabled functions.",
        ),
    ),
    "SnapStart on Python 3.11": (
        configuration(snap_start=True),
        (
            "InvalidParameterValueException",
            400,
            "python3.11 is not supported for SnapStart enabled functions.",
        ),
    ),
    "timeout too long": (
        configuration(timeout_s=901),
        (
            "ValidationException",
            400,
            "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: "
            "Member must have value less than or equal to 900",
        ),
    ),
    "too little memory": (
        configuration(memory_mib=127),
        (
            "ValidationException",
            400,
            "1 validation error detected: Value '127' at 'memorySize' failed to satisfy "
            "constraint: Member must have value greater than or equal to 128",
        ),
    ),
    "environment over 4 KB": (
        configuration(environment={"BIG": "x" * 4096}),
        (
            "InvalidParameterValueException",
            400,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. String measured: "
            '{"BIG":"' + "x" * 4096 + '"}',
        ),
    ),
    "reserved variable": (
        configuration(environment={"AWS_REGION": "eu-west-1"}),
        (
            "InvalidParameterValueException",
            400,
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            "for modification. Reserved keys used in this request: AWS_REGION",
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_is_awss(lab, case):
    """A call AWS refuses is refused with AWS's error, and changes nothing."""
    call, (code, status, words) = REFUSALS[case]

    async def act(service):
        sha = populate(service, lab)
        before = state_of(service)
        with pytest.raises(LambdaApiError) as refused:
            call(service, lab)
        unchanged = case == "provisioned SnapStart" or state_of(service) == before
        error = refused.value
        return unchanged, (error.aws_code, error.http_status, error.message), sha

    unchanged, refusal, sha = lab.run(act)
    assert unchanged
    assert refusal == (code, status, words.replace("{sha}", sha))


def populate(service, lab):
    """Fill the service with what the table speaks of; return the code's digest."""
    service.create_function(lab.settings(reserved_concurrency=4))
    for memory in (128, 129, 130):
        service.update_function_configuration("f", memory_mib=memory)
        service.publish_version("f")
    service.create_alias("f", "live", "1")
    service.create_alias("f", "shared", "1", weights={"2": 0.1})
    service.create_alias("f", "latest", "$LATEST")
    service.put_provisioned_concurrency("f", "3", 1)
    return service.get_function("f").code_sha256


def state_of(service):
    """Return all that a refused call must leave alone."""
    return (
        service.list_versions("f"),
        service.list_aliases("f"),
        service.get_function_concurrency("f"),
        [view.requested for view in service.list_provisioned_concurrency("f")],
    )


def test_alias_with_provisioned_concurrency_takes_no_weights(lab):
    """Weights on an alias that has provisioned concurrency are refused."""

    async def act(service):
        populate(service, lab)
        service.put_provisioned_concurrency("f", "live", 1)
        with pytest.raises(LambdaApiError) as refused:
            service.update_alias("f", "live", weights={"2": 0.1})
        return refused.value.aws_code

    assert lab.run(act) == "InvalidParameterValueException"


def test_version_and_its_alias_are_not_both_provisioned(lab):
    """The second of the two is a conflict, whichever comes first."""

    async def act(service):
        populate(service, lab)
        service.create_alias("f", "third", "3")
        service.put_provisioned_concurrency("f", "live", 1)
        codes = []
        for qualifier in ("third", "1"):
            with pytest.raises(LambdaApiError) as refused:
                service.put_provisioned_concurrency("f", qualifier, 1)
            codes.append(refused.value.http_status)
        return codes

    assert lab.run(act) == [409, 409]


def test_publishing_unchanged_code_makes_no_version(lab):
    """As on AWS, a version stands for a change."""
    service = lab.service()
    service.create_function(lab.settings())
    assert [service.publish_version("f").version for _ in range(2)] == ["1", "1"]


def test_version_numbers_are_never_reused(lab):
    """A deleted version's number does not come back."""
    service = lab.service()
    service.create_function(lab.settings())
    service.publish_version("f")
    service.delete_function("f", "1")
    assert service.publish_version("f").version == "2"


def test_version_keeps_what_its_source_loses(lab):
    """Editing the source in place changes neither a published version nor `$LATEST`."""
    service = lab.service()
    service.create_function(lab.settings("ORIGINAL = 1\n"))
    version = service.publish_version("f")
    (lab.folder / "code-f" / "handler.py").write_text("EDITED = 1\n")
    assert (version.settings.code_folder / "handler.py").read_text() == "ORIGINAL = 1\n"


def test_update_without_weights_keeps_them(lab):
    """Only an empty routing configuration takes the weights away."""
    service = lab.service()
    service.create_function(lab.settings())
    service.publish_version("f")
    service.update_function_configuration("f", memory_mib=256)
    service.publish_version("f")
    service.create_alias("f", "live", "1", weights={"2": 0.25})
    kept = service.update_alias("f", "live", description="x").weights
    assert (dict(kept), dict(service.update_alias("f", "live", weights={}).weights)) == (
        {"2": 0.25},
        {},
    )


def test_code_over_250_mb_is_refused(lab):
    """The unzipped limit counts layers too."""
    layer = lab.folder / "layer"
    layer.mkdir()
    with (layer / "hole").open("wb") as file:
        file.truncate(262_144_001)
    with pytest.raises(LambdaApiError, match="Unzipped size must be smaller than 262144000 bytes"):
        lab.service().create_function(lab.settings(layers=(layer,)))


def test_alias_share_is_exact_and_repeatable(lab):
    """Of 20,000 requests at 25 %, the share is within four standard errors, and repeats by seed."""
    service = lab.service()
    service.create_function(lab.settings())
    service.publish_version("f")
    service.update_function_configuration("f", memory_mib=256)
    service.publish_version("f")
    alias = service.create_alias("f", "live", "1", weights={"2": 0.25})
    draws = [
        [pick_version(alias, rng) for _ in range(20_000)] for rng in map(random.Random, (3, 3))
    ]
    assert draws[0] == draws[1]
    assert abs(Counter(draws[0])["2"] - 5_000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5


def test_requests_follow_the_weights(lab):
    """Real requests through an alias execute the drawn versions, the same for the same seed."""

    async def act(service):
        service.create_function(lab.settings())
        service.publish_version("f")
        service.update_function_configuration("f", memory_mib=256)
        service.publish_version("f")
        service.create_alias("f", "live", "1", weights={"2": 0.5})
        return [(await service.invoke("f", "live", b"1")).executed_version for _ in range(40)]

    first = lab.run(act)
    lab.folder = lab.folder / "again"
    lab.folder.mkdir()
    assert (first, set(first)) == (lab.run(act), {"1", "2"})


def test_revisions_repeat_by_seed(lab):
    """A rehearsal with the same seed meets the same revision ids."""
    views = []
    for name in ("a", "b"):
        lab.folder = lab.folder / name
        lab.folder.mkdir()
        views.append(lab.service().create_function(lab.settings()).revision_id)
    assert views[0] == views[1]


def test_small_account_keeps_a_tenth_unreserved(lab):
    """A laptop's account of twenty lets eighteen be reserved."""
    lab.limits = Limits(account_concurrency=20)
    service = lab.service()
    service.create_function(lab.settings(reserved_concurrency=18))
    with pytest.raises(LambdaApiError):
        service.put_function_concurrency("f", 19)
