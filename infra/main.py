"""Synthesis as a program: run by the CDK CLI for Lambda, or by hand for this machine."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from aws_cdk import App, Validations

from falaj.contract import ENV_PROFILE
from falaj.domain.clock import Clock, SystemClock
from falaj.errors import ConfigurationError
from infra.application import add_stacks
from infra.config.deployment import (
    CONTEXT_PREFIX,
    THROW_AWAY,
    Deployment,
    Platform,
    host_architecture,
)
from infra.policies.plugin import PolicyPack
from infra.sources import Sources
from policies.assembly import read_stacks
from policies.evaluation import evaluate
from policies.exceptions import read_waivers, review
from policies.registry import RULES

CLI_VERSION: Final = "CDK_CLI_VERSION"
OUTDIR: Final = "CDK_OUTDIR"
"""Set by the CDK CLI, which also hands over the context of cdk.json and `-c`.

Source: aws-cdk-lib's cx-api (CLI_VERSION_ENV, OUTDIR_ENV).
"""


SYSTEM_CLOCK: Final = SystemClock()

RESIDENCY: Final = tuple(rule for rule in RULES if rule.family == "residency")
"""Rules that hold on the operator's own machine, too."""


def main(repository: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Synthesize the stacks and return the exit code.

    Under the CDK CLI everything comes from it, and the zips are built for Lambda. Run otherwise,
    the context is that of cdk.json with `-c` (and FALAJ_PROFILE) on top, and the zips are built for
    this machine, so that the local region can run them.

    Args:
        repository: Folder of cdk.json, `functions` and `layers`.
        arguments: The command line's.
        environment: How the CDK CLI and `falaj up` speak to the application.
    """
    options = _parser().parse_args(arguments)
    sources = Sources(
        repository=repository,
        models=options.models or repository / "models",
        build=options.build or repository / ".build",
    )
    try:
        if CLI_VERSION in environment:
            deployment = synthesize(App(), sources)
        else:
            deployment = _by_hand(options, sources, environment)
        _refuse(publisher_faults(deployment))
    except ConfigurationError as error:
        for fault in error.faults:
            sys.stderr.write(f"refused: {fault}\n")
        return 1
    return 0


def synthesize(app: App, sources: Sources, *, clock: Clock = SYSTEM_CLOCK) -> Deployment:
    """Add the stacks that the application's context asks for, and write the assembly.

    Args:
        app: The application; its context says what is deployed.
        sources: Where everything is taken from.
        clock: By which exceptions from the policies expire.

    Raises:
        ConfigurationError: Everything that is refused, at once.
    """
    deployment = Deployment.from_context(app.node.get_all_context(None))
    add_stacks(app, deployment, sources)
    outdir = Path(app.outdir)
    if deployment.platform is Platform.LAMBDA:
        _synthesize_under_policies(app, outdir, clock.now().date())
    else:
        app.synth()
        # What stays on this machine may be open to its user; but it goes nowhere else either.
        _refuse(_leaving(outdir, clock.now().date()))
    return deployment


def _leaving(outdir: Path, today: date) -> list[str]:
    """Return what would leave the country, but for what the file of exceptions lets."""
    stacks = read_stacks(outdir)
    result = review(
        evaluate(stacks, RESIDENCY).findings,
        read_waivers(),
        stacks=stacks,
        today=today,
        must_be_used=False,
    )
    return [str(finding) for finding in result.open]


def _synthesize_under_policies(app: App, outdir: Path, today: date) -> None:
    pack = PolicyPack(outdir, today=today)
    Validations.of(app).add_plugins(pack)
    try:
        app.synth()
    except RuntimeError:  # how jsii says that a plugin refused, and much else
        _refuse(pack.faults)
        raise
    # A construct can acknowledge a rule away; the file of exceptions is the only place that may.
    _refuse(pack.faults)


def publisher_faults(deployment: Deployment) -> list[str]:
    """Return why models must not go to AWS as they are signed.

    What was synthesized lies there all the same, for audits; the CDK CLI deploys nothing of it.
    """
    if not deployment.is_publisher_missing:
        return []
    fault = (
        "falaj:publisherKey is not set: functions on Lambda would believe whoever has this "
        f"machine's throw-away key. Deploy FalajFoundation with falaj:publisherKey={THROW_AWAY}, "
        "run `falaj models sign --target aws`, and set falaj:publisherKey to what it prints; for "
        f"an account that is thrown away, leave {THROW_AWAY} there"
    )
    return [fault]


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise ConfigurationError(faults)


def hand_context(repository: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return cdk.json's context, for this machine, with what was given on top."""
    file = json.loads((repository / "cdk.json").read_text(encoding="utf-8"))
    return {**file["context"], f"{CONTEXT_PREFIX}platform": Platform.HOST.value, **given}


def _by_hand(
    options: argparse.Namespace, sources: Sources, environment: Mapping[str, str]
) -> Deployment:
    given = dict(options.context)
    if ENV_PROFILE in environment:
        given.setdefault(f"{CONTEXT_PREFIX}profile", environment[ENV_PROFILE])
    repository = sources.repository
    app = App(
        # After what the environment may say (CDK_CONTEXT_JSON), which knows only cdk.json.
        post_cli_context=hand_context(repository, given),
        outdir=str(options.output or environment.get(OUTDIR) or repository / "cdk.out"),
        # Documented in the CDK's README; 5 s here, and the CDK CLI and the tests run it.
        builtin_cloud_formation_validation=False,
        tree_metadata=False,
    )
    deployment = synthesize(app, sources)
    for_what = (
        f"this machine ({host_architecture()}, Python {deployment.python_version})"
        if deployment.platform is Platform.HOST
        else f"Lambda ({deployment.runtime})"
    )
    sys.stderr.write(f"{app.outdir}: profile {deployment.profile.value}, built for {for_what}\n")
    return deployment


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="Synthesize the stacks for this machine; the CDK CLI does so for Lambda.",
        epilog="example: python app.py -c falaj:profile=enterprise -o /tmp/cdk.out",
    )
    parser.add_argument(
        "-c", "--context", metavar="KEY=VALUE", type=_pair, action="append", default=[]
    )
    parser.add_argument("-o", "--output", type=Path, help="where to write (cdk.out)")
    parser.add_argument("--models", type=Path, help="the catalogue's folder (models)")
    parser.add_argument("--build", type=Path, help="what was built and staged (.build)")
    return parser


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r}: write key=value")
    return key, value
