"""A dashboard in the template: one resource, its body one string."""

from aws_cdk import CfnResource
from constructs import Construct

from infra.constructs.function_role import sub
from infra.dashboards.widgets import Board


class Dashboard(Construct):
    """What people look at when a model misbehaves."""

    def __init__(self, scope: Construct, id_: str, *, board: Board) -> None:
        """Make the dashboard.

        Args:
            scope: The stack whose metrics it draws.
            id_: Its id there.
            board: What it shows.
        """
        super().__init__(scope, id_)
        CfnResource(
            self,
            "Resource",
            type="AWS::CloudWatch::Dashboard",
            properties={
                "DashboardName": board.name,
                "DashboardBody": sub(board.body(), **board.names),
            },
        )
