"""Where a rollout runs: the region of `falaj up`, or AWS."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final

import typer

from cli.settings import Settings
from falaj.contract import REGION

CONNECT_S: Final = 3
READ_S: Final = 70
"""Longer than the controller may take, so that its own timeout is what gets reported."""


class Target(StrEnum):
    """Which of the two is meant."""

    LOCAL = "local"
    AWS = "aws"


TargetOption = Annotated[
    Target,
    typer.Option(
        "--target",
        help=f"local: the region of `falaj up` (FALAJ_AWS_PORT); aws: {REGION}, "
        "with the credentials that boto3 finds.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A region that answers AWS's calls.

    Attributes:
        target: Which kind it is.
        endpoint: Its address; empty for AWS's own.
    """

    target: Target
    endpoint: str = ""

    @classmethod
    def of(cls, target: Target, settings: Settings) -> "Place":
        """Return the place a target stands for."""
        is_local = target is Target.LOCAL
        endpoint = f"http://127.0.0.1:{settings.aws_port}" if is_local else ""
        return cls(target=target, endpoint=endpoint)

    @property
    def name(self) -> str:
        """How to call it in a sentence."""
        return f"the local region at {self.endpoint}" if self.endpoint else f"AWS in {REGION}"

    @property
    def mend(self) -> str:
        """What to do when it does not answer."""
        if self.endpoint:
            return "start it with `falaj up`, or say --target aws"
        return "check the network with `aws sts get-caller-identity`"

    def session(self) -> Any:  # noqa: ANN401 - boto3 comes late, see `_local_session`
        """Return what its clients share: on AWS the credentials, found anew."""
        if self.endpoint:
            return _local_session()
        import boto3  # noqa: PLC0415 - as in `_local_session`

        return boto3.session.Session()

    def client(self, service: str, session: Any) -> Any:  # noqa: ANN401 - made at run time
        """Return a boto3 client that talks to it, in a session of `session`.

        The local region gets throw-away credentials, never the operator's own. Lambda is asked
        once: a command that was sent again after a lost answer would be obeyed twice.
        """
        from botocore.config import Config  # noqa: PLC0415 - as in `_local_session`

        config = Config(
            region_name=REGION,
            connect_timeout=CONNECT_S,
            read_timeout=READ_S,
            retries={"total_max_attempts": 1 if service == "lambda" else 3, "mode": "standard"},
        )
        if not self.endpoint:
            return session.client(service, config=config)
        return session.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - nobody checks it
            config=config.merge(Config(s3={"addressing_style": "path"})),
        )


@cache
def _local_session() -> Any:  # noqa: ANN401 - as in `Place.session`
    """Return the one session, which reads each service's model once, and nobody's AWS_PROFILE."""
    import boto3  # noqa: PLC0415 - half a second that `falaj --help` need not wait
    import botocore.session  # noqa: PLC0415 - as above

    return boto3.session.Session(
        botocore_session=botocore.session.Session(session_vars={"profile": (None,) * 4})
    )
