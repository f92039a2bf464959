"""A dashboard in the template: one resource, its body one string."""

from aws_cdk import CfnResource
from constructs import Construct

from infra.constructs.function_role import sub
from infra.dashboards.widgets import Board


def add_dashboard(scope: Construct, board: Board) -> None:
    """Add what people look at when a model misbehaves.

    No construct of its own: for each of a hundred models it would cost as much as the resource.

    Args:
        scope: The stack whose metrics it draws.
        board: What it shows.
    """
    CfnResource(
        scope,
        "Dashboard",
        type="AWS::CloudWatch::Dashboard",
        properties={
            "DashboardName": board.name,
            "DashboardBody": sub(board.body(), **board.names),
        },
    )
