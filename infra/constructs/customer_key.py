"""The customer's key: one for models, settings and logs; rotated, kept when its stack goes."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Fn, aws_kms as kms, aws_ssm as ssm
from constructs import Construct

from falaj.contract import key_arn_parameter
from infra.constructs.keeping import keep


class CustomerKey(Construct):
    """A KMS key that the account's IAM governs and CloudWatch may use for this account.

    Attributes:
        key: The key.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        purpose: str,
        statements: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Make the key and the SSM parameter that tells its ARN.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            purpose: What it is for; the parameter's name.
            statements: Who else may use it, besides logs and alarms.
        """
        super().__init__(scope, id_)
        self.key = kms.CfnKey(
            self,
            "Resource",
            description=f"Falaj: {purpose}",
            enable_key_rotation=True,
            multi_region=False,
            key_policy={
                "Version": "2012-10-17",
                "Statement": [
                    account_governs(),
                    _logs_may_use(),
                    _alarms_may_use(),
                    *statements,
                ],
            },
        )
        keep(self.key)
        ssm.CfnParameter(
            self,
            "Arn",
            type="String",
            name=key_arn_parameter(purpose),
            value=self.key.attr_arn,
        )


def account_governs() -> dict[str, Any]:
    """Leave the say to IAM policies, so that the key can never lock everyone out.

    Source: docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html.
    """
    return {
        "Sid": "AccountGoverns",
        "Effect": "Allow",
        "Principal": {"AWS": Fn.sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")},
        "Action": "kms:*",
        "Resource": "*",
    }


def _logs_may_use() -> dict[str, Any]:
    """Let CloudWatch Logs use the key for log groups of this account and region.

    Source: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html.
    """
    return {
        "Sid": "LogsMayUse",
        "Effect": "Allow",
        "Principal": {"Service": Fn.sub("logs.${AWS::Region}.amazonaws.com")},
        "Action": [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:Describe*",
        ],
        "Resource": "*",
        "Condition": {
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": Fn.sub(
                    "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*"
                )
            }
        },
    }


def _alarms_may_use() -> dict[str, Any]:
    """Let this account's alarms publish to topics under the key.

    Source: docs.aws.amazon.com/sns/latest/dg/sns-key-management.html (event sources by service
    principal; aws:SourceAccount against confused deputies).
    """
    return {
        "Sid": "AlarmsMayUse",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": Fn.sub("${AWS::AccountId}")}},
    }
