"""Who publishes models: the key that signs manifests, and the one role that may use it."""

from collections.abc import Mapping
from typing import Final

from aws_cdk import Fn, Token, aws_iam as iam, aws_kms as kms, aws_s3 as s3, aws_ssm as ssm
from constructs import Construct

from falaj.contract import MANIFESTS_PURPOSE, bucket_name_parameter, key_arn_parameter
from infra.constructs.function_role import allow, sub
from infra.constructs.region_boundary import BOUNDARY_ARN
from infra.constructs.signing_key import SigningKey

_PARAMETER: Final = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"


class Publisher(Construct):
    """A signing key that only its role can sign with; nobody asks KMS to verify.

    Functions check signatures offline, against the public half packaged with them: a KMS that is
    dark, or somebody with rights on it, changes nothing about what starts.

    Attributes:
        key: Signs manifests.
        role: For whoever publishes (a pipeline, an administrator) to assume.

    Source:
        docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        (aws:PrincipalArn is the role's ARN for its sessions); an explicit deny in the key's policy
        outweighs every IAM policy (reference_policies_evaluation-logic.html).
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        data_key_arn: str,
        buckets: Mapping[str, s3.CfnBucket],
    ) -> None:
        """Make the role, the key and the SSM parameter that tells the key's ARN.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            data_key_arn: Under which the buckets are encrypted.
            buckets: Where versions and manifests go, by purpose.
        """
        super().__init__(scope, id_)
        self.role = iam.CfnRole(
            self,
            "Role",
            description="Publishes models: signs manifests, writes versions once",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {
                            "AWS": Fn.sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")
                        },
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            permissions_boundary=Token.as_string(BOUNDARY_ARN),
        )
        self.key: kms.CfnKey = SigningKey(
            self,
            "Signing",
            purpose="signs model manifests",
            only_signer_arn=self.role.attr_arn,
        ).key
        # A policy apart from the role: the key's own policy names the role, and must come between.
        iam.CfnManagedPolicy(
            self,
            "Publish",
            roles=[self.role.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    allow("SignManifests", ["kms:Sign", "kms:GetPublicKey"], [self.key.attr_arn]),
                    allow("UseDataKey", ["kms:GenerateDataKey", "kms:Decrypt"], [data_key_arn]),
                    allow(
                        "WriteVersions",
                        ["s3:PutObject", "s3:GetObject"],
                        [sub("${Bucket}/*", Bucket=found.attr_arn) for found in buckets.values()],
                    ),
                    allow(
                        "FindVersions",
                        ["s3:ListBucket"],
                        [found.attr_arn for found in buckets.values()],
                    ),
                    allow(
                        "FindPlaces",
                        ["ssm:GetParameter"],
                        [
                            sub(f"{_PARAMETER}{name}")
                            for name in (
                                key_arn_parameter(MANIFESTS_PURPOSE),
                                *map(bucket_name_parameter, buckets),
                            )
                        ],
                    ),
                ],
            },
        )
        ssm.CfnParameter(
            self,
            "KeyArn",
            type="String",
            name=key_arn_parameter(MANIFESTS_PURPOSE),
            value=self.key.attr_arn,
        )
