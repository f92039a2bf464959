"""ECS services: how many replicas are wanted, and one where none was."""

from typing import Final

from falaj.aws.calls import Client, calling

FIRST: Final = 1


class ContainerServices:
    """The service of one model.

    Args:
        client: An ECS client.
        cluster: The cluster.
        service: The service.
    """

    def __init__(self, client: Client, *, cluster: str, service: str) -> None:
        self._ecs, self._cluster, self._service = client, cluster, service

    def wake(self) -> bool:
        """Ask for one replica where none is wanted; say whether that was so.

        A service that is wanted already is left alone: how many it needs is scaling's to say.

        Raises:
            DependencyError: ECS refused or does not answer.

        Source:
            docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html and
            API_UpdateService.html (`desiredCount`).
        """
        with calling("ecs", f"wake {self._service}"):
            found = self._ecs.describe_services(cluster=self._cluster, services=[self._service])
            if any(service["desiredCount"] for service in found["services"]):
                return False
            self._ecs.update_service(
                cluster=self._cluster, service=self._service, desiredCount=FIRST
            )
        return True
