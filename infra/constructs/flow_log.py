"""Every connection of a network, written down."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.constructs.bounded_role import bounded_role, trust
from infra.constructs.function_role import allow


def log_flows(
    scope: Construct,
    *,
    vpc_id: str,
    group: str,
    streams: str,
) -> None:
    """Log a VPC's connections, under a role that can do nothing else.

    Args:
        scope: Where log and role belong.
        vpc_id: The VPC.
        group: Name of the log group.
        streams: ARN of the group's streams.

    Source: docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html.
    """
    actions = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    role = bounded_role(
        scope,
        "FlowLogRole",
        trusted=trust("vpc-flow-logs.amazonaws.com"),
        statements=[allow("WriteOwnLogs", actions, [streams])],
    )
    ec2.CfnFlowLog(
        scope,
        "FlowLog",
        resource_id=vpc_id,
        resource_type="VPC",
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_group_name=group,
        deliver_logs_permission_arn=role.attr_arn,
    )
