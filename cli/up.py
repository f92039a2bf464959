"""`falaj up`: models built, stacks synthesized, a region served until Ctrl-C."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.access import curl_words, issuer_folder, what_to_show
from cli.failures import MisuseError
from cli.options import AsJson, Asked, Profile, TenantsFile, example
from cli.printing import answer, console, progress
from cli.settings import ENV_AWS_PORT, ENV_PORT, PROFILES, Settings
from cli.synthesis import is_current, synthesize
from falaj.contract import MANIFEST_FILE

if TYPE_CHECKING:
    from local_region.progress import Event, Ready

EXAMPLE: Final = example(
    "falaj up", "FALAJ_PORT=9090 falaj up --profile enterprise", "falaj up --speed 20"
)
GAPS_PAGE: Final = "docs/reference/local-region.md"
SHOWN_GAPS: Final = 4


def up(
    *,
    profile: Profile = None,
    access: Asked = "",
    tenants: TenantsFile = "",
    seed: Annotated[int, typer.Option("--seed", help="Of every random choice.")] = 0,
    speed: Annotated[
        float,
        typer.Option(
            "--speed",
            help="Minutes of alarms, bakes and schedules that pass in one, 1 to 60; a request "
            "takes as long as it takes.",
        ),
    ] = 1.0,
    logs: Annotated[
        bool, typer.Option("--logs", help="Print every line that the functions print.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build the models, synthesize the stacks and serve them on 127.0.0.1 until Ctrl-C."""
    settings = Settings.from_env()
    if profile is not None:
        if profile not in PROFILES:
            raise MisuseError(f"--profile {profile!r} is not one of {', '.join(PROFILES)}")
        settings = replace(settings, profile=profile)
    settings = replace(settings, asked=access, tenants=tenants)
    from local_region.pace import FASTEST  # noqa: PLC0415 - `falaj --help` starts no region
    from local_region.up import serve  # noqa: PLC0415 - as above

    if not 1 <= speed <= FASTEST:
        raise MisuseError(f"--speed {speed:g} is not from 1 to {FASTEST:g}")

    refuse_taken_ports(settings)
    prepare(settings, as_json=as_json)
    reporter = Reporter(settings, has_logs=logs, as_json=as_json)
    serve(
        settings.cdk_out,
        api_port=settings.api_port,
        aws_port=settings.aws_port,
        grpc_port=settings.grpc_port,
        seed=seed,
        speed=speed,
        issuer_folder=issuer_folder(settings),
        on_event=reporter.tell,
    )


def refuse_taken_ports(settings: Settings) -> None:
    """Look before the slow part begins whether both ports are free.

    Raises:
        PortInUseError: One of them is not.
    """
    from local_region.listener import bind  # noqa: PLC0415 - as in `up`

    for port, variable in ((settings.api_port, ENV_PORT), (settings.aws_port, ENV_AWS_PORT)):
        bind(port, setting=variable).close()


def prepare(settings: Settings, *, as_json: bool) -> None:
    """Build the models and synthesize the stacks, unless nothing has changed.

    Raises:
        ConfigurationError: A model is not built, or the app refuses.
    """
    from catalogue.building import Progress, Stage, build  # noqa: PLC0415 - as in `up`

    def tell(step: Progress) -> None:
        if step.stage is Stage.FETCHING:
            progress(f"building {step.name} version {step.version}", as_json=as_json)

    build(settings.models, settings.build, progress=tell)
    if is_current(settings):
        progress("the stacks are as synthesized before", as_json=as_json)
        return
    with _spinner("synthesizing the stacks (the first time takes a minute)", as_json=as_json):
        synthesize(settings)


def _spinner(sentence: str, *, as_json: bool) -> Any:  # noqa: ANN401 - rich's Status
    quiet = Console(stderr=True, quiet=as_json)
    return quiet.status(sentence)


@dataclass(slots=True)
class Reporter:
    """Tells a person, or a program, what a region does.

    Attributes:
        settings: Where built models lie, whose golden cases make the example.
        has_logs: Whether functions' own lines are printed.
        as_json: Whether a program reads.
        is_ready: Whether the region answers.
    """

    settings: Settings
    has_logs: bool = False
    as_json: bool = False
    is_ready: bool = False

    def tell(self, event: "Event") -> None:
        """Print one event."""
        from local_region import progress as events  # noqa: PLC0415 - as in `up`

        handlers: dict[type, Callable[[Any], None]] = {
            events.Working: lambda e: progress(e.sentence, as_json=self.as_json),
            events.FunctionLog: self._log,
            events.NotPermitted: self._warn,
            events.Ready: self._ready,
            events.StackApplied: self._applied,
            events.UpdateRefused: self._refused,
            events.AlarmChanged: self._alarm,
            events.MetricsMalformed: lambda e: self._caution(
                f"{e.function} printed metrics that AWS would drop: {e.reason}"
            ),
            events.EventLost: lambda e: self._caution(f"{e.target} got no event: {e.reason}"),
            events.Closed: lambda _: progress("closed", as_json=self.as_json),
        }
        if handler := handlers.get(type(event)):
            handler(event)

    def _log(self, event: Any) -> None:  # noqa: ANN401 - local_region is imported late
        if self.has_logs:
            err = console(stderr=True)
            err.print(f"[dim]{escape(event.function)}[/] {escape(event.line)}", soft_wrap=True)

    def _applied(self, event: Any) -> None:  # noqa: ANN401 - as above
        # Before the region is ready everything is new, which goes without saying.
        if self.is_ready and event.changes:
            progress(f"{event.stack}: {len(event.changes)} changes", as_json=self.as_json)

    def _refused(self, event: Any) -> None:  # noqa: ANN401 - as above
        for fault in event.faults:
            self._caution(f"the new synthesis is not applied: {fault}")

    def _alarm(self, event: Any) -> None:  # noqa: ANN401 - as above
        change = event.change
        if self.is_ready and "ALARM" in {change.before.value, change.after.value}:
            progress(f"{change.alarm.name} is {change.after.value}", as_json=self.as_json)

    def _caution(self, sentence: str) -> None:
        console(stderr=True).print(f"[yellow]![/] {escape(sentence)}", soft_wrap=True)

    def _warn(self, event: Any) -> None:  # noqa: ANN401 - as above
        console(stderr=True).print(
            f"[yellow]![/] {escape(event.route)} answers 500, as on AWS: "
            f"the API may not invoke {escape(event.function_arn)}"
        )

    def _ready(self, event: "Ready") -> None:
        from local_region.dashboards.page import ROOT  # noqa: PLC0415 - as in `up`

        self.is_ready = True
        shown = what_to_show(self.settings)
        domains = dict(event.domains)
        # With a name of its own, the API has no other.
        url = next(iter(domains.values()), event.api_url)
        words = f"--cacert {shlex.quote(str(event.authority))} " if domains else ""
        line = curl_line(url, event.models, self.settings.built_models, words + curl_words(shown))
        document = {
            "api": url,
            "aws": event.aws_url,
            "dashboards": f"{event.aws_url}{ROOT}",
            "profile": self.settings.profile,
            "models": list(event.models),
            "domains": domains,
            "grpc": dict(event.grpc),
            "replicas": {
                name: {"healthy": healthy, "desired": desired}
                for name, healthy, desired in event.replicas
            },
            "access": self.settings.access,
            **shown,
            "try": line,
        }
        answer(
            document, _address(document), "\n[dim]Not as on AWS:[/]", _gaps(), as_json=self.as_json
        )
        if not self.as_json:
            out = console()
            out.print(f"[dim]The whole list: {GAPS_PAGE}. Ctrl-C ends it.[/]\n\nTry it:\n")
            typer.echo(line)  # as it is: a wrapped line cannot be pasted
            typer.echo("")


def curl_line(url: str, models: tuple[str, ...], built: Path, shown: str = "") -> str:
    """Return one line to paste: the shortest golden case, or else a plain question."""
    lines = [
        f"curl -s {url}/v2/models/{name}/infer {shown}-H 'content-type: application/json' "
        f"-d {shlex.quote(json.dumps(case['request'], separators=(',', ':')))}"
        for name in models
        for case in golden_cases(built, name)
    ]
    return min(lines, key=len) if lines else f"curl -s {shown}{url}/v2"


def golden_cases(built: Path, model: str) -> list[dict[str, Any]]:
    """Return the golden cases of a model's highest built version; none if it is not built."""
    manifests = sorted(built.glob(f"{model}/*/{MANIFEST_FILE}"), key=lambda p: int(p.parent.name))
    if not manifests:
        return []
    return list(json.loads(manifests[-1].read_text(encoding="utf-8")).get("golden", []))


_ASKED: Final = {
    "open": "nothing",
    "jwt": "a bearer token; [bold]falaj token[/] mints one",
    "iam": "a signature (SigV4) by the credentials in the line below",
}


def _address(document: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    rows = {
        "API": f"[bold cyan]{document['api']}[/]  (profile {document['profile']})",
        "page": f"{document['api']}/docs",
        "asks for": _ASKED[document["access"]],
        "AWS": f"{document['aws']}  [dim]endpoint_url for boto3[/]",
        "dashboards": document["dashboards"],
        "models": ", ".join(map(escape, document["models"])) or "none",
    }
    if document["domains"]:
        rows["domain"] = (
            f"{', '.join(map(escape, document['domains']))}  [dim]over TLS; where it has a trust "
            "store, add --cert and --key of one of its clients[/]"
        )
    if document["grpc"]:
        rows["gRPC"] = ", ".join(
            f"[bold cyan]{address}[/] ({escape(name)})"
            for name, address in document["grpc"].items()
        )
        rows["replicas"] = ", ".join(
            f"{escape(name)} {count['healthy']} of {count['desired']}"
            for name, count in document["replicas"].items()
        )
    for name, value in rows.items():
        table.add_row(f"[dim]{name}[/]", value)
    return table


def _gaps() -> Table:
    from local_region.fidelity import gaps  # noqa: PLC0415 - as in `up`

    table = Table(box=None, pad_edge=False, show_header=False)
    for gap in gaps()[:SHOWN_GAPS]:
        table.add_row(f"[dim]{escape(gap.what)}[/]", f"[dim]{escape(gap.sentence)}[/]")
    return table
