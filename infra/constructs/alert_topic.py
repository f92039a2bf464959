"""The topic that calls people: encrypted, over TLS only, open to this account's alarms."""

from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs.function_role import sub


class AlertTopic(Construct):
    """An SNS topic to which alarms and the rollout controller publish.

    Attributes:
        topic: The topic.

    Source:
        docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html and
        docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: an alarm reaches a topic under a
        customer key when both policies let cloudwatch.amazonaws.com in.
    """

    def __init__(self, scope: Construct, id_: str, *, key_arn: str, display_name: str) -> None:
        """Make the topic and its policy.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            key_arn: The customer's key; its policy must let CloudWatch use it.
            display_name: Sender of its e-mails.
        """
        super().__init__(scope, id_)
        self.topic = sns.CfnTopic(
            self, "Resource", kms_master_key_id=key_arn, display_name=display_name
        )
        sns.CfnTopicPolicy(
            self,
            "Policy",
            topics=[self.topic.ref],
            policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "AlarmsMayPublish",
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudwatch.amazonaws.com"},
                        "Action": "sns:Publish",
                        "Resource": self.topic.ref,
                        "Condition": {
                            "StringEquals": {"aws:SourceAccount": sub("${AWS::AccountId}")}
                        },
                    },
                    {
                        "Sid": "TlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sns:Publish",
                        "Resource": self.topic.ref,
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    },
                ],
            },
        )
