"""How the load balancer finds a service's replicas: by REST and by gRPC, two fleets of each."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import aws_elasticloadbalancingv2 as balancing
from constructs import Construct

from falaj.contract import GRPC_PORT, HTTP_PORT

PRIORITIES: Final = 50_000
"""Source: docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html."""

DRAIN_S: Final = 25
"""How long a stopping container goes on answering."""
DEREGISTRATION_S: Final = DRAIN_S + 5

GRPC_SERVICE: Final = "/inference.GRPCInferenceService/*"
GRPC_HEALTH: Final = "/grpc.health.v1.Health"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where the shared load balancer takes requests.

    Attributes:
        vpc_id: Its network.
        api_listener: ARN of the API's listener.
        grpc_listener: ARN of gRPC's.
        domain: Below which each model has a name for gRPC; empty without a certificate.
    """

    vpc_id: str
    api_listener: str
    grpc_listener: str
    domain: str


def rule_priority(model: str) -> int:
    """Give a model's rules their place, from its name alone: no rule overlaps another's.

    Example:
        >>> rule_priority("tashkeel")
        4523
    """
    return int.from_bytes(hashlib.sha256(model.encode()).digest()[:4]) % PRIORITIES + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleets:
    """The target groups of one protocol and the rule that shares requests between them.

    Attributes:
        port: The container's.
        blue: What a new service registers with.
        green: What the next release registers with; None where one fleet is replaced in place.
        rule: The listener's rule.
    """

    port: int
    blue: balancing.CfnTargetGroup
    green: balancing.CfnTargetGroup | None
    rule: balancing.CfnListenerRule

    @property
    def groups(self) -> Sequence[balancing.CfnTargetGroup]:
        """Those there are."""
        return [self.blue] if self.green is None else [self.blue, self.green]


class GpuTargets(Construct):
    """Target groups and rules of one model's service.

    Attributes:
        rest: REST, for the API.
        grpc: gRPC, for programs in reach of the network.
    """

    def __init__(
        self, scope: Construct, id_: str, *, model: str, listening: Listening, has_two_fleets: bool
    ) -> None:
        """Make the groups.

        Args:
            scope: Where it belongs.
            id_: Its id there.
            model: The model.
            listening: The shared load balancer.
            has_two_fleets: Whether a release stands beside the one before.
        """
        super().__init__(scope, id_)
        self._listening, self._two, self._model = listening, has_two_fleets, model
        self.rest = self._fleets(
            "Rest",
            port=HTTP_PORT,
            listener=listening.api_listener,
            conditions=[_path(f"/v2/models/{model}", f"/v2/models/{model}/*")],
            health={
                "protocol_version": "HTTP1",
                "health_check_path": "/v2/health/ready",
                "matcher": balancing.CfnTargetGroup.MatcherProperty(http_code="200"),
            },
        )
        self.grpc = self._fleets(
            "Grpc",
            port=GRPC_PORT,
            listener=listening.grpc_listener,
            conditions=[
                _host(f"{model}.{listening.domain or 'local'}"),
                # Health is the balancer's own to ask, at the targets: it shows no token.
                _path(GRPC_SERVICE),
            ],
            health={
                "protocol_version": "GRPC",
                "health_check_path": f"{GRPC_HEALTH}/Check",
                "matcher": balancing.CfnTargetGroup.MatcherProperty(grpc_code="0"),
            },
        )

    def _fleets(
        self,
        id_: str,
        *,
        port: int,
        listener: str,
        conditions: Sequence[balancing.CfnListenerRule.RuleConditionProperty],
        health: dict[str, Any],
    ) -> Fleets:
        blue = self._group(f"{id_}Blue", port, health)
        green = self._group(f"{id_}Green", port, health) if self._two else None
        weights = {blue: 100} if green is None else {blue: 100, green: 0}
        kinds = balancing.CfnListenerRule
        rule = kinds(
            self,
            f"{id_}Rule",
            listener_arn=listener,
            priority=rule_priority(self._model),
            conditions=list(conditions),
            actions=[
                kinds.ActionProperty(
                    type="forward",
                    forward_config=kinds.ForwardConfigProperty(
                        target_groups=[
                            kinds.TargetGroupTupleProperty(
                                target_group_arn=group.ref, weight=weight
                            )
                            for group, weight in weights.items()
                        ]
                    ),
                )
            ],
        )
        return Fleets(port=port, blue=blue, green=green, rule=rule)

    def _group(self, id_: str, port: int, health: dict[str, Any]) -> balancing.CfnTargetGroup:
        kind = balancing.CfnTargetGroup
        attributes = {
            "deregistration_delay.timeout_seconds": str(DEREGISTRATION_S),
            "load_balancing.algorithm.type": "least_outstanding_requests",
        }
        return kind(
            self,
            id_,
            vpc_id=self._listening.vpc_id,
            target_type="ip",
            protocol="HTTP",
            port=port,
            health_check_protocol="HTTP",
            health_check_interval_seconds=5,
            health_check_timeout_seconds=3,
            healthy_threshold_count=2,
            unhealthy_threshold_count=2,
            target_group_attributes=[
                kind.TargetGroupAttributeProperty(key=key, value=value)
                for key, value in attributes.items()
            ],
            **health,
        )


def _path(*patterns: str) -> balancing.CfnListenerRule.RuleConditionProperty:
    kinds = balancing.CfnListenerRule
    return kinds.RuleConditionProperty(
        field="path-pattern",
        path_pattern_config=kinds.PathPatternConfigProperty(values=list(patterns)),
    )


def _host(name: str) -> balancing.CfnListenerRule.RuleConditionProperty:
    kinds = balancing.CfnListenerRule
    return kinds.RuleConditionProperty(
        field="host-header", host_header_config=kinds.HostHeaderConfigProperty(values=[name])
    )
