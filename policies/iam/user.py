"""People and programs come with short-lived credentials."""

from policies.rule import Rule, forbid

RULE = Rule(
    id="iam.user",
    title="No IAM user or access key",
    reason="An access key works from anywhere until somebody remembers to delete it.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
    controls=("ISO-5.15", "ISO-5.18", "ISO-8.2", "IAR-T5", "ISO-5.17"),
    types=("AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::UserToGroupAddition"),
    check=forbid("its keys live until they are deleted; use roles"),
)
