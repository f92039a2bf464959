"""Proof, from `cdk.out` alone, that every line of every dashboard can ever show something.

A graph that draws a metric nobody emits is empty for ever, and looks like a quiet night. So each
metric's name and dimensions must be ones that are emitted, each value of a dimension must name
something of the assembly, each expression must be computable, and each search must be able to find.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from audits.emitted import Emitted, emitted
from audits.template_values import PUBLISHED, Resource, read_resources
from falaj.contract import (
    ALL_MODELS,
    ENV_MODEL_NAME,
    ENV_RELEASE,
    LIVE_ALIAS,
    MODELS_PARAMETER_ROOT,
)
from local_region.cloudwatch.expressions import ExpressionError, evaluate
from local_region.cloudwatch.metrics import MetricId
from local_region.cloudwatch.search import Search, is_search
from local_region.cloudwatch.statistics import UnknownStatisticError, statistic
from local_region.dashboards.body import (
    AlarmStates,
    Content,
    DashboardError,
    Drawn,
    Graph,
    Undrawn,
    Widget,
    read_body,
)

DASHBOARD: Final = "AWS::CloudWatch::Dashboard"
KINDS: Final = frozenset(
    {
        DASHBOARD,
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGatewayV2::Api",
        "AWS::CloudWatch::Alarm",
        "AWS::ECS::Cluster",
        "AWS::ECS::Service",
        "AWS::ECS::TaskDefinition",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        "AWS::Lambda::Function",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
    }
)
MOST_WIDGETS: Final = 500
MOST_METRICS_OF_WIDGET: Final = 500
MOST_METRICS: Final = 2500
"""Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html."""
MOST_ALARMS: Final = 100
"""Source: CloudWatch-Dashboard-Body-Structure.html, the alarm widget's `alarms`."""
FREE_DASHBOARDS: Final = 3
DOLLARS_A_MONTH: Final = 3.0
"""Of each dashboard beyond the free ones, which refer to at most 50 metrics.

Source: aws.amazon.com/cloudwatch/pricing, free tier and dashboards, read 2026-11-22.
"""
_ID: Final = re.compile(r"[a-z][A-Za-z0-9_]*")
_MOMENTS: Final = (0, 60, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that would never show anything, or that CloudWatch would refuse."""

    stack: str
    dashboard: str
    widget: str
    problem: str

    def __str__(self) -> str:
        where = f"{self.stack}: dashboard {self.dashboard}"
        return (
            f"{where}: {self.widget}: {self.problem}" if self.widget else f"{where}: {self.problem}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A dashboard that was looked at.

    Attributes:
        stack: Its stack.
        name: Its name.
        widgets: How many it has.
        metrics: Metrics that it names; a search counts once.
        graphs: Titles of its graphs.
    """

    stack: str
    name: str
    widgets: int
    metrics: int
    graphs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All dashboards of an assembly."""

    dashboards: tuple[Proven, ...]
    findings: tuple[Finding, ...]


def examine(cdk_out: Path) -> Report:
    """Look at every dashboard of an assembly.

    Raises:
        AssemblyError: There is no assembly, or it is broken.
    """
    findings: list[Finding] = []

    def unreadable(stack: str, logical_id: str, reason: str) -> None:
        findings.append(Finding(stack=stack, dashboard=logical_id, widget="", problem=reason))

    resources = read_resources(cdk_out, KINDS, unreadable)
    values, alarms = _values(resources), _alarms(resources)
    proven: list[Proven] = []
    for resource in resources:
        if resource.kind != DASHBOARD:
            continue
        name = str(resource.properties.get("DashboardName", resource.logical_id))
        try:
            widgets = read_body(str(resource.properties["DashboardBody"]))
        except DashboardError as error:
            unreadable(resource.stack, name, error.reason)
            continue
        findings += [
            Finding(stack=resource.stack, dashboard=name, widget=title, problem=problem)
            for title, problem in _faults(widgets, values, alarms)
        ]
        graphs = [widget.content for widget in widgets if isinstance(widget.content, Graph)]
        proven.append(
            Proven(
                stack=resource.stack,
                name=name,
                widgets=len(widgets),
                metrics=sum(len(_asked(graph)) for graph in graphs),
                graphs=tuple(graph.title for graph in graphs),
            )
        )
    return Report(dashboards=tuple(proven), findings=tuple(findings))


def _faults(
    widgets: tuple[Widget, ...], values: Mapping[str, frozenset[str]], alarms: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield the widget's title and what is wrong with it."""
    if len(widgets) > MOST_WIDGETS:
        yield "", f"it has {len(widgets)} widgets; CloudWatch takes {MOST_WIDGETS}"
    graphs = [widget.content for widget in widgets if isinstance(widget.content, Graph)]
    total = sum(len(graph.drawn) for graph in graphs)
    if total > MOST_METRICS:
        yield "", f"it has {total} metrics; CloudWatch takes {MOST_METRICS}"
    for widget in widgets:
        yield from _widget_faults(widget.content, values, alarms)


def _widget_faults(
    content: Content, values: Mapping[str, frozenset[str]], alarms: frozenset[str]
) -> Iterator[tuple[str, str]]:
    if isinstance(content, Graph):
        yield from ((content.title, problem) for problem in _graph_faults(content, values))
    elif isinstance(content, AlarmStates):
        yield from ((content.title, problem) for problem in _alarm_faults(content, alarms))
    elif isinstance(content, Undrawn):
        yield content.title, content.reason


def _alarm_faults(content: AlarmStates, alarms: frozenset[str]) -> Iterator[str]:
    if not 1 <= len(content.names) <= MOST_ALARMS:
        yield f"it has {len(content.names)} alarms; CloudWatch takes 1 to {MOST_ALARMS}"
    yield from (f"there is no alarm {name!r}" for name in content.names if name not in alarms)


def _graph_faults(graph: Graph, values: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if len(graph.drawn) > MOST_METRICS_OF_WIDGET:
        yield f"it has {len(graph.drawn)} metrics; CloudWatch takes {MOST_METRICS_OF_WIDGET}"
    ids = [entry.id for entry in graph.drawn if entry.id]
    yield from (f"the id {id_!r} stands twice" for id_ in sorted(set(ids)) if ids.count(id_) > 1)
    yield from (
        f"the id {id_!r} must begin with a small letter" for id_ in ids if not _ID.fullmatch(id_)
    )
    if not any(entry.is_visible for entry in graph.drawn):
        yield "nothing in it is visible"
    known = {entry.id: dict.fromkeys(_MOMENTS, 1.0) for entry in graph.drawn if entry.id}
    for entry in graph.drawn:
        try:
            statistic(entry.stat, [1.0])
            if entry.metric is not None:
                yield from metric_faults(entry.metric, values)
            elif is_search(entry.expression):
                yield from _search_faults(Search.read(entry.expression), values)
            else:
                evaluate(entry.expression, known, _MOMENTS)
        except (ExpressionError, UnknownStatisticError) as error:
            yield str(error)


def metric_faults(metric: MetricId, values: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield why a metric would never have a value."""
    names = frozenset(name for name, _ in metric.dimensions)
    if fault := _unknown(metric.namespace, metric.name, names):
        yield fault
        return
    for name, value in sorted(metric.dimensions):
        if name in values and value not in values[name]:
            yield f"{metric.name}: {name} is {value!r}, which is nothing of this assembly"


def _unknown(namespace: str, name: str, dimensions: frozenset[str]) -> str:
    """Say what of a metric's identity is unknown; nothing if it is emitted."""
    of_space = [each for each in emitted() if each.namespace == namespace]
    if not of_space:
        return f"nobody emits into namespace {namespace!r}"
    named = [each for each in of_space if each.name == name]
    if not named:
        return f"nobody emits {namespace} {name}"
    if all(each.dimensions != dimensions for each in named):
        sets = " or ".join(sorted(_shown(each.dimensions) for each in named))
        return f"{name} is emitted by {sets}, not by {_shown(dimensions)}"
    return ""


def _shown(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"


def _search_faults(search: Search, values: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield why a search finds nothing that is emitted."""
    statistic(search.stat, [1.0])
    if search.dimensions is None:
        yield "a search must name the namespace and all its dimensions, or it finds strangers"
        return
    of_schema = [
        each
        for each in emitted()
        if each.namespace == search.namespace and each.dimensions == search.dimensions
    ]
    if not of_schema:
        yield f"nobody emits {search.namespace} by {_shown(search.dimensions)}"
        return
    if not any(search.matches(metric) for each in of_schema for metric in _examples(each, values)):
        terms = " ".join(f"{term.property}={term.text!r}" for term in search.terms)
        yield f"no metric of {search.namespace} by {_shown(search.dimensions)} matches {terms}"


def _examples(metric: Emitted, values: Mapping[str, frozenset[str]]) -> Iterator[MetricId]:
    """Yield a metric under every value that its dimensions may have in the assembly."""
    found: list[dict[str, str]] = [{}]
    for name in sorted(metric.dimensions):
        found = [
            {**each, name: value} for each in found for value in sorted(values.get(name, {"any"}))
        ]
    yield from (MetricId.of(metric.namespace, metric.name, each) for each in found)


def _asked(graph: Graph) -> list[Drawn]:
    """Return what a graph asks CloudWatch for; expressions over it ask nothing more."""
    return [each for each in graph.drawn if each.metric is not None or is_search(each.expression)]


def _alarms(resources: Iterable[Resource]) -> frozenset[str]:
    return frozenset(r.ref for r in resources if r.kind == "AWS::CloudWatch::Alarm")


def _values(resources: tuple[Resource, ...]) -> dict[str, frozenset[str]]:
    """Return what each dimension's value may be, by the assembly's resources."""

    def refs(kind: str, shown: Callable[[Resource], str] = lambda each: each.ref) -> frozenset[str]:
        return frozenset(shown(each) for each in resources if each.kind == kind)

    functions = refs("AWS::Lambda::Function")
    return {
        "FunctionName": functions,
        "Resource": frozenset(f"{name}:{LIVE_ALIAS}" for name in functions),
        "ExecutedVersion": frozenset({PUBLISHED}),
        "QueueName": refs("AWS::SQS::Queue", _queue),
        "ApiId": refs("AWS::ApiGatewayV2::Api"),
        "ApiName": refs("AWS::ApiGateway::RestApi", lambda each: str(each.properties["Name"])),
        "TargetGroup": refs(
            "AWS::ElasticLoadBalancingV2::TargetGroup",
            lambda each: f"{each.ref}.TargetGroupFullName",
        ),
        "LoadBalancer": refs(
            "AWS::ElasticLoadBalancingV2::LoadBalancer",
            lambda each: f"{each.ref}.LoadBalancerFullName",
        ),
        "ClusterName": refs("AWS::ECS::Cluster"),
        "ServiceName": refs("AWS::ECS::Service", lambda each: f"{each.ref}.Name"),
        "Scope": frozenset({ALL_MODELS}),
        "Model": frozenset(_models(resources)),
        "Release": frozenset({PUBLISHED, *_container_releases(resources)}),
    }


def _queue(resource: Resource) -> str:
    return str(resource.properties.get("QueueName", resource.ref))


def _models(resources: Iterable[Resource]) -> Iterator[str]:
    """Yield the models: those with a desired release, and those with a service."""
    for each in resources:
        if each.kind == "AWS::SSM::Parameter":
            name = str(each.properties["Name"])
            if name.startswith(MODELS_PARAMETER_ROOT) and name.endswith("/desired-release"):
                yield json.loads(each.properties["Value"])["model"]
        elif each.kind == "AWS::ECS::TaskDefinition":
            yield from _variables(each, ENV_MODEL_NAME)


def _container_releases(resources: Iterable[Resource]) -> Iterator[str]:
    for each in resources:
        if each.kind == "AWS::ECS::TaskDefinition":
            yield from _variables(each, ENV_RELEASE)


def _variables(task: Resource, name: str) -> Iterator[str]:
    for container in task.properties.get("ContainerDefinitions", ()):
        for variable in container.get("Environment", ()):
            if variable["Name"] == name:
                yield str(variable["Value"])
