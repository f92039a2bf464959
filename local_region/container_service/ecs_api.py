"""The calls of ECS that operators and the breaker make, as boto3 sends them.

Source:
    botocore's ecs model (protocol json 1.1, target prefix AmazonEC2ContainerServiceV20141113);
    docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html. Read 2026-11-22.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson

from local_region.container_service.containers import ContainerServices
from local_region.container_service.service import Service
from local_region.container_service.task import Task
from local_region.gateway.messages import Request, Response

_OK: Final = 200
_REFUSED: Final = 400
_AGENT: Final = re.compile(r"/ecs-agent/([0-9a-f]{32})/task-protection/v1/state")
_PROTECTED_MINUTES: Final = 120
_TYPE: Final = "application/x-amz-json-1.1"


class EcsError(Exception):
    """A call that ECS refuses."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EcsApi:
    """Answers ECS's API for the services of a region."""

    def __init__(self, containers: ContainerServices) -> None:
        self._containers = containers
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "DescribeServices": self._describe_services,
            "DescribeTasks": self._describe_tasks,
            "ListServices": self._list_services,
            "ListTasks": self._list_tasks,
            "StopTask": self._stop_task,
            "UpdateService": self._update_service,
        }

    @property
    def sites(self) -> dict[str, Callable[[Request], Awaitable[Response]]]:
        """Who answers, by signing name: the service, and the agent that containers know."""
        return {"ecs": self.serve, "ecs-agent": self.serve_agent}

    async def serve(self, request: Request) -> Response:
        """Answer one call."""
        operation = request.header("x-amz-target").rpartition(".")[2]
        handler = self._operations.get(operation, _refuse)
        try:
            return _answer(_OK, handler(orjson.loads(request.body or b"{}")))
        except EcsError as error:
            return _answer(_REFUSED, {"__type": error.code, "message": str(error)})
        except orjson.JSONDecodeError as error:
            return _answer(_REFUSED, {"__type": "SerializationException", "message": str(error)})

    async def serve_agent(self, request: Request) -> Response:
        """Answer a container that asks for protection from scale-in.

        Source: docs.aws.amazon.com/AmazonECS/latest/developerguide/
        task-scale-in-protection-endpoint.html (two hours unless said otherwise).
        """
        found = _AGENT.fullmatch(request.path)
        if found is None or request.method != "PUT":
            return _answer(_REFUSED, {"error": {"Message": "not known here"}})
        try:
            asked = orjson.loads(request.body)
            is_on = bool(asked["ProtectionEnabled"])
            minutes = int(asked.get("ExpiresInMinutes", _PROTECTED_MINUTES)) if is_on else 0
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            return _answer(_REFUSED, {"error": {"Message": str(error)}})
        if not self._containers.protect(found[1], minutes):
            return _answer(_REFUSED, {"failure": {"Arn": found[1], "Reason": "TASK_NOT_VALID"}})
        return _answer(_OK, {"protection": {"ProtectionEnabled": is_on, "TaskArn": found[1]}})

    def _service(self, name: object) -> Service:
        wanted = str(name).rpartition("/")[2]
        for service in self._containers.services.values():
            if service.settings.name == wanted:
                return service
        raise EcsError("ServiceNotFoundException", "Service not found.")

    def _list_services(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"serviceArns": list(self._containers.services)}

    def _describe_services(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found, missing = [], []
        for name in asked.get("services", ()):
            try:
                found.append(_described(self._service(name)))
            except EcsError:
                missing.append({"arn": str(name), "reason": "MISSING"})
        return {"services": found, "failures": missing}

    def _update_service(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        service = self._service(asked.get("service"))
        unknown = sorted(asked.keys() - {"cluster", "service", "desiredCount"})
        if unknown:
            raise EcsError(
                "InvalidParameterException", f"{', '.join(unknown)}: change the template instead"
            )
        count = asked.get("desiredCount", service.desired_count)
        if not isinstance(count, int) or count < 0:
            raise EcsError("InvalidParameterException", f"desiredCount cannot be {count!r}")
        service.scale(count)
        return {"service": _described(service)}

    def _list_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = asked.get("serviceName")
        services = self._containers.services.values() if name is None else [self._service(name)]
        return {"taskArns": [_task_arn(s, task) for s in services for task in s.running]}

    def _describe_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        wanted = {str(arn).rpartition("/")[2] for arn in asked.get("tasks", ())}
        return {
            "tasks": [
                {
                    "taskArn": _task_arn(service, task),
                    "taskDefinitionArn": task.definition.arn,
                    "lastStatus": task.state.value,
                    "group": f"service:{service.settings.name}",
                }
                for service in self._containers.services.values()
                for task in service.tasks
                if task.id in wanted
            ],
            "failures": [],
        }

    def _stop_task(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        wanted = str(asked.get("task", "")).rpartition("/")[2]
        for service in self._containers.services.values():
            for task in service.running:
                if task.id == wanted:
                    service.stop_task(task.id, str(asked.get("reason", "Task stopped by user")))
                    return {"task": {"taskArn": _task_arn(service, task)}}
        raise EcsError("InvalidParameterException", "The referenced task was not found.")


def _refuse(_: Mapping[str, Any]) -> dict[str, Any]:
    raise EcsError("InvalidAction", "this call of ECS is not known here")


def _described(service: Service) -> dict[str, Any]:
    pending = len(service.running) - len(service.healthy)
    return {
        "serviceArn": service.settings.arn,
        "serviceName": service.settings.name,
        "status": "ACTIVE",
        "desiredCount": service.desired_count,
        "runningCount": len(service.healthy),
        "pendingCount": pending,
        "taskDefinition": service.settings.task_definition_arn,
        "deployments": _deployments(service),
    }


def _deployments(service: Service) -> list[dict[str, Any]]:
    """Write the deployment under way, or the last one."""
    deployment = service.deployment
    reason = deployment.sentence if deployment else service.failed
    state = "IN_PROGRESS" if service.is_deploying else "COMPLETED"
    return [
        {
            "status": "PRIMARY",
            "taskDefinition": service.settings.task_definition_arn,
            "desiredCount": service.desired_count,
            "rolloutState": "FAILED" if service.failed and not deployment else state,
            **({"rolloutStateReason": reason} if reason else {}),
        }
    ]


def _task_arn(service: Service, task: Task) -> str:
    return f"{service.settings.arn.replace(':service/', ':task/').rpartition('/')[0]}/{task.id}"


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return Response(
        status=status, headers=(("content-type", _TYPE),), body=orjson.dumps(dict(body))
    )
