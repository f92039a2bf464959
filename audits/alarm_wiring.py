"""From a red alarm to the rollout controller: events, rules, targets, permissions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from audits.alarm_world import START
from audits.template_values import ACCOUNT, Resource
from falaj.contract import CONTROLLER_PARAMETER, REGION
from local_region.cloudwatch.alarm_state import AlarmState
from local_region.cloudwatch.alarms import Alarm
from local_region.cloudwatch.board import StateChange
from local_region.cloudwatch.notices import DETAIL_TYPE, SOURCE, alarm_detail
from local_region.events.rules import Rule, RuleError

EVENTS: Final = "events.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where the way from alarm to controller ends."""

    problem: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Rules, permissions and the controller of an assembly.

    Attributes:
        controller: ARN of the controller's function; empty if no parameter names one.
        rules: Every rule that can be read.
        broken: Reasons why others cannot.
        permissions: Properties of every `AWS::Lambda::Permission`.
    """

    controller: str
    rules: tuple[Rule, ...]
    broken: tuple[str, ...]
    permissions: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Self:
        """Read the wiring from resolved resources."""
        rules, broken = [], []
        for resource in resources:
            if resource.kind == "AWS::Events::Rule":
                try:
                    rules.append(
                        Rule.from_properties(
                            resource.properties, name=resource.ref, arn=resource.arn
                        )
                    )
                except RuleError as error:
                    broken.append(str(error))
        return cls(
            controller=_controller(resources),
            rules=tuple(rules),
            broken=tuple(broken),
            permissions=tuple(
                dict(r.properties) for r in resources if r.kind == "AWS::Lambda::Permission"
            ),
        )

    def breaks(self, alarm: Alarm) -> Iterator[Break]:
        """Yield where an alarm's change of state would be lost; nothing if it arrives."""
        if not self.controller:
            yield Break(
                problem=f"no function is named by the SSM parameter {CONTROLLER_PARAMETER}",
                mend="deploy the rollouts stack with it",
            )
            return
        matching = [rule for rule in self.rules if rule.matches(_event(alarm))]
        if not matching:
            yield Break(
                problem="no enabled rule hears its change of state",
                mend="let a rule's pattern match source aws.cloudwatch and this alarm's name, "
                "and enable it",
            )
            return
        reaching = [rule for rule in matching if any(map(self._is_controller, rule.targets))]
        if not reaching:
            names = ", ".join(rule.name for rule in matching)
            yield Break(
                problem=f"the rules that hear it ({names}) do not reach the rollout controller",
                mend="make the controller's function a target of the rule",
            )
            return
        if not any(self._is_permitted(rule) for rule in reaching):
            yield Break(
                problem=f"EventBridge may not invoke the controller for rule {reaching[0].name}",
                mend=f"add an AWS::Lambda::Permission for {EVENTS} with the rule's ARN",
            )

    def breaks_to_shedder(self, alarm: Alarm) -> Iterator[Break]:
        """Yield where a capacity alarm's change would be lost on its way to the load shedder."""
        matching = [rule for rule in self.rules if rule.matches(_event(alarm))]
        if not matching:
            yield Break(
                problem="no enabled rule hears it: nobody is made to wait",
                mend="deploy the shedding stack with the models'",
            )
        elif not any(
            permission.get("Principal") == EVENTS
            and fnmatchcase(rule.arn, permission.get("SourceArn", "*"))
            for rule in matching
            for permission in self.permissions
        ):
            yield Break(
                problem=f"EventBridge may not invoke the load shedder for rule {matching[0].name}",
                mend=f"add an AWS::Lambda::Permission for {EVENTS} with the rule's ARN",
            )

    def _is_controller(self, target: Any) -> bool:  # noqa: ANN401 - a rule's Target
        return bool(target.arn == self.controller or target.arn.startswith(f"{self.controller}:"))

    def _is_permitted(self, rule: Rule) -> bool:
        names = {self.controller, self.controller.rpartition(":")[2]}
        return any(
            permission.get("Principal") == EVENTS
            and permission.get("FunctionName") in names
            and permission.get("Action") in {"lambda:InvokeFunction", "lambda:*"}
            and fnmatchcase(rule.arn, permission.get("SourceArn", "*"))
            for permission in self.permissions
        )


def _controller(resources: Sequence[Resource]) -> str:
    names = [
        resource.properties["Value"]
        for resource in resources
        if resource.kind == "AWS::SSM::Parameter"
        and resource.properties["Name"] == CONTROLLER_PARAMETER
    ]
    functions = {r.ref: r.arn for r in resources if r.kind == "AWS::Lambda::Function"}
    return next((functions[name] for name in names if name in functions), "")


def _event(alarm: Alarm) -> dict[str, Any]:
    """Write the event that CloudWatch would send."""
    change = StateChange(
        alarm=alarm,
        before=AlarmState.OK,
        after=AlarmState.ALARM,
        reason="Threshold Crossed",
        at=START,
    )
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "detail-type": DETAIL_TYPE,
        "source": SOURCE,
        "account": ACCOUNT,
        "time": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [alarm.arn],
        "detail": alarm_detail(change),
    }
