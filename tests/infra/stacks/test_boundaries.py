"""Promise: stacks can be deployed, changed and deleted each on its own, within AWS's limits."""

import json
from collections import Counter

from falaj.domain.plan import Plan
from falaj.domain.release import DesiredRelease

LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200}
"""docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html."""


def walk(value):
    """Yield every mapping in a template."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def shared(assembly):
    """Stacks that others wait for: the bank's models wait for trail and network as well."""
    return {"FalajFoundation", "FalajAudit", "FalajNetwork"} & set(assembly.templates)


def test_only_the_bank_keeps_an_audit_trail(smb, enterprise):
    """A profile's own stack, which nothing else needs."""
    assert ("FalajAudit" in smb.templates, "FalajAudit" in enterprise.templates) == (False, True)


def test_a_stack_for_each_model_and_those_that_they_share(assembly):
    """A model is deployed, and deleted, alone."""
    assert sorted(set(assembly.templates) - {"FalajAudit", "FalajNetwork"}) == [
        "FalajApi",
        "FalajAsynchronous",
        "FalajFoundation",
        "FalajModel-churn",
        "FalajModel-file-type",
        "FalajModel-snap",
        "FalajModel-twin",
        "FalajRollouts",
    ]


def test_nothing_is_exported_or_imported(assembly):
    """An import would forbid the layer's next version."""
    for template in assembly.templates.values():
        keys = {key for mapping in walk(template) for key in mapping}
        assert not keys & {"Export", "Fn::ImportValue"}


def test_what_one_stack_asks_of_ssm_another_writes(assembly):
    """No parameter that nobody fills."""
    written = {
        resource["Properties"]["Name"]
        for template in assembly.templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::SSM::Parameter"
    }
    asked = {
        parameter["Default"]
        for template in assembly.templates.values()
        for parameter in template.get("Parameters", {}).values()
    }

    assert asked - written == set()


def test_templates_stay_far_from_cloudformations_limits(assembly):
    """A model stack has two dozen resources."""
    for name, template in assembly.templates.items():
        for part, limit in LIMITS.items():
            assert len(template.get(part, {})) < limit / 5, (name, part)


_PICKING = ("Fn::Select", "Fn::Split")  # DynamoDB's address out of its endpoint's


def test_templates_hold_nothing_but_resources_and_plain_references(assembly):
    """No custom resources, conditions, mappings or rules: the local region reads the same text."""
    for name, template in assembly.templates.items():
        assert set(template) <= {"Description", "Resources", "Parameters", "Outputs"}, name
        kinds = {resource["Type"] for resource in template["Resources"].values()}
        assert not [kind for kind in kinds if kind.startswith("Custom::")]
        functions = {k for mapping in walk(template) for k in mapping if k.startswith("Fn::")}
        assert functions <= {"Fn::GetAtt", "Fn::Sub", "Fn::Join", *_PICKING}, name


def test_every_asset_that_a_template_names_is_in_the_assembly(assembly):
    """cdk.out can be carried elsewhere and deployed or rehearsed there."""
    for name, template in assembly.templates.items():
        uploads = {
            destination["objectKey"]: file["source"]["path"]
            for file in assembly.assets(name).values()
            for destination in file["destinations"].values()
        }
        named = {m["S3Key"] for m in walk(template) if "S3Key" in m}
        assert all((assembly.folder / uploads[key]).is_dir() for key in named)


def test_the_foundation_is_deployed_first_and_the_api_last(assembly):
    """Whoever asks SSM comes after whoever writes."""
    manifest = json.loads((assembly.folder / "manifest.json").read_bytes())["artifacts"]
    waits = {
        name: {d for d in artifact.get("dependencies", ()) if not d.endswith(".assets")}
        for name, artifact in manifest.items()
        if artifact["type"] == "aws:cloudformation:stack"
    }

    models = {"FalajModel-churn", "FalajModel-file-type", "FalajModel-snap", "FalajModel-twin"}
    assert waits["FalajFoundation"] == set()
    assert {name: waits[name] for name in models} == {name: shared(assembly) for name in models}
    assert waits["FalajApi"] >= models
    assert waits["FalajRollouts"] == shared(assembly) - {"FalajAudit"}


def test_every_stack_is_bound_to_the_region(assembly):
    """Whoever's credentials deploy it."""
    manifest = json.loads((assembly.folder / "manifest.json").read_bytes())["artifacts"]
    places = {
        artifact["environment"]
        for artifact in manifest.values()
        if artifact["type"] == "aws:cloudformation:stack"
    }

    assert places == {"aws://unknown-account/me-central-1"}


def test_every_stack_says_which_deployment_it_is(assembly):
    """Costs and owners are found by tags."""
    manifest = json.loads((assembly.folder / "manifest.json").read_bytes())["artifacts"]
    tags = [
        artifact["properties"]["tags"]
        for artifact in manifest.values()
        if artifact["type"] == "aws:cloudformation:stack"
    ]

    assert all(set(t) - {"falaj:data-class"} == {"falaj:stage", "falaj:profile"} for t in tags)


def test_the_banks_stacks_cannot_be_deleted_by_a_slip(smb, enterprise):
    """Termination protection follows the profile."""

    def protected(assembly):
        manifest = json.loads((assembly.folder / "manifest.json").read_bytes())["artifacts"]
        return {
            artifact["properties"].get("terminationProtection", False)
            for artifact in manifest.values()
            if artifact["type"] == "aws:cloudformation:stack"
        }

    assert (protected(smb), protected(enterprise)) == ({False}, {True})


def test_the_stack_says_which_release_it_wants(assembly):
    """The controller reads it back as the value it was written from."""
    (parameter,) = (
        resource["Properties"]
        for resource in assembly.of_type("FalajModel-file-type", "AWS::SSM::Parameter").values()
        if resource["Properties"]["Name"].endswith("/desired-release")
    )
    text, names = parameter["Value"]["Fn::Sub"]
    wanted = DesiredRelease.from_dict(
        json.loads(text.replace("${Function}", "f").replace("${Release}", "12"))
    )

    assert (wanted.model, wanted.function, wanted.release) == ("file-type", "f", "12")
    assert (wanted.model_version, wanted.min_warm, wanted.timeout_s) == (2, 2, 10)
    assert (wanted.plan["plan"], wanted.plan["steps"]) == ("canary", [0.05, 0.25, 0.5])
    assert wanted.plan["bake"] == 600
    assert Plan.from_dict(wanted.plan).max_extensions == 3
    assert set(names) == {"Function", "Release"}
    assert len(text) < 4096  # the standard tier's limit


def test_no_resource_has_a_name_of_its_own_but_parameters(assembly):
    """A function of generated name is a new one when it is replaced, so its versions begin at 1."""
    named = Counter(
        resource["Type"]
        for template in assembly.templates.values()
        for resource in template["Resources"].values()
        if {"FunctionName", "RoleName", "BucketName", "LogGroupName", "LayerName"}
        & set(resource.get("Properties", {}))
        and not isinstance(resource["Properties"].get("FunctionName"), dict)
        # WAF asks for a prefix; the stack's id follows it.
        and not isinstance(resource["Properties"].get("LogGroupName"), dict)
    )

    assert named == Counter()


def test_buckets_are_encrypted_private_versioned_and_kept(assembly):
    """Model bytes are neither readable from outside nor lost with a stack."""
    for bucket in assembly.of_type("FalajFoundation", "AWS::S3::Bucket").values():
        properties = bucket["Properties"]
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"


def test_buckets_answer_over_tls_only(assembly):
    """Plain HTTP is denied to everyone."""
    for policy in assembly.of_type("FalajFoundation", "AWS::S3::BucketPolicy").values():
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Condition"]) == (
            "Deny",
            {"Bool": {"aws:SecureTransport": "false"}},
        )


def test_the_banks_artefacts_are_write_once(smb, enterprise):
    """Object Lock, which cannot be added to a bucket later."""

    def locked(assembly):
        buckets = assembly.of_type("FalajFoundation", "AWS::S3::Bucket").values()
        return {bucket["Properties"].get("ObjectLockEnabled", False) for bucket in buckets}

    assert (locked(smb), locked(enterprise)) == ({False}, {True})


def test_the_key_is_rotated_and_stays_in_the_region(assembly):
    """A multi-Region key could be replicated abroad."""
    keys = assembly.of_type("FalajFoundation", "AWS::KMS::Key").values()
    signing, *data = sorted((key["Properties"] for key in keys), key=lambda k: "KeyUsage" not in k)

    assert {(key["EnableKeyRotation"], key["MultiRegion"]) for key in data} == {(True, False)}
    assert (signing["KeyUsage"], signing["MultiRegion"]) == ("SIGN_VERIFY", False)


def test_only_the_publisher_signs_manifests(assembly):
    """Whatever IAM policies say: the key denies everybody else, and nobody verifies by it."""
    keys = assembly.of_type("FalajFoundation", "AWS::KMS::Key").values()
    (signing,) = (k["Properties"] for k in keys if "KeyUsage" in k["Properties"])
    deny = signing["KeyPolicy"]["Statement"][1]
    (role,) = (
        id_
        for id_, r in assembly.of_type("FalajFoundation", "AWS::IAM::Role").items()
        if "Publisher" in id_
    )

    assert (deny["Effect"], deny["Action"]) == ("Deny", "kms:Sign")
    assert deny["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": {"Fn::GetAtt": [role, "Arn"]}}
    }
    assert "kms:Verify" not in json.dumps(assembly.template("FalajFoundation"))


def test_the_local_region_gets_the_same_stacks(catalogue, assemble):
    """Built for this machine, they differ in processor, Python and digests, in no resource."""
    catalogue.add("churn", compute={"min_warm": 1})
    here = assemble(catalogue.sources)
    there = assemble(catalogue.sources, platform="lambda")

    assert {name: shape(t) for name, t in here.templates.items()} == {
        name: shape(t) for name, t in there.templates.items()
    }


def shape(template) -> Counter[tuple[str, tuple[str, ...]]]:
    """Count a template's resources by type and by the properties they state."""
    return Counter(
        (resource["Type"], tuple(sorted(resource["Properties"])))
        for resource in template["Resources"].values()
    )


def test_tenants_keys_are_decrypted_through_ssm_alone(enterprise):
    """The right to the shared key opens parameters below one path, and nothing else under it."""
    (role,) = (
        r["Properties"]
        for id_, r in enterprise.of_type("FalajModel-churn", "AWS::IAM::Role").items()
        if "Predict" in id_
    )
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    (decrypt,) = (s for s in statements if s["Sid"] == "DecryptTenantKeys")

    assert decrypt["Action"] == ["kms:Decrypt"]
    assert set(decrypt["Condition"]["StringEquals"]) == {"kms:ViaService"}
    assert "capture/keys/*" in json.dumps(decrypt["Condition"]["StringLike"])


def test_the_banks_trail_is_locked_for_everybody(enterprise):
    """No administrator shortens it, writes a key again or hides one."""
    (bucket,) = enterprise.of_type("FalajAudit", "AWS::S3::Bucket").values()
    (policy,) = enterprise.of_type("FalajAudit", "AWS::S3::BucketPolicy").values()
    rule = bucket["Properties"]["ObjectLockConfiguration"]["Rule"]
    denied = {
        statement["Sid"]: statement
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Principal"] == "*"
    }

    assert rule["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 365}
    assert set(denied) == {"TlsOnly", "EachKeyOnce", "NothingHidden"}
    assert denied["EachKeyOnce"]["Condition"] == {"Null": {"s3:if-none-match": "true"}}
