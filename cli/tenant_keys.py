"""`falaj audit new-key`, `who`, `erase`: the keys by which the trail's people can be found."""

import getpass
import platform
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from cli.exits import Exit
from cli.failures import CommandError, MisuseError
from cli.options import AsJson, DryRun
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.function import PlatformFunction
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from cli.trail import parameter_of
from falaj.contract import CAPTURE_KEYS_ROOT, RECORDER_PARAMETER, key_arn_parameter

if TYPE_CHECKING:
    from falaj.aws.capture_keys import CaptureKeys
    from falaj.capture.key_events import KeyVerb

DATA_KEY: Final = "data"

Tenant = Annotated[str, typer.Argument(help="The tenant, as tokens name it.", show_default=False)]
Reason = Annotated[
    str,
    typer.Option(
        "--reason",
        "-m",
        help="Why; recorded in the trail for as long as it is kept: a ticket, not a person's name.",
    ),
]


def new_key(
    tenant: Tenant,
    *,
    reason: Reason = "not given",
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a tenant its first key of pseudonyms, or its next; earlier ones still look up.

    Two that are made at once are both kept, and every process uses the same one of them.
    """
    from falaj.capture.key_events import KeyVerb  # noqa: PLC0415 - `falaj --help` needs none of it
    from falaj.domain.claims import TENANT  # noqa: PLC0415 - as above

    if not TENANT.fullmatch(tenant):
        raise MisuseError(f"{tenant!r} is no tenant that a token could name")
    connection = Connection(Place.of(target, Settings.from_env()))
    made = None if dry_run else _keys(connection).rotate(tenant)
    is_recorded = made is not None and _record(connection, KeyVerb.MAKE, (made.id,), reason)
    said = f"key {made.id}, number {made.number}" if made else "nothing was made"
    document = {"tenant": tenant, "key": made.id if made else None, "recorded": is_recorded}
    answer(document, f"{escape(tenant)}: {said}", as_json=as_json)


def who(
    tenant: Tenant,
    subject: Annotated[str, typer.Argument(help="The subject, as tokens name it.")],
    *,
    target: TargetOption = Target.LOCAL,
    as_json: AsJson = False,
) -> None:
    """Say under which pseudonyms somebody may have been recorded; exit 3 if nobody can say."""
    connection = Connection(Place.of(target, Settings.from_env()))
    names = _keys(connection).ring().names(tenant, subject)
    answer(
        {"pseudonyms": list(names)},
        *(names or (f"{escape(tenant)} has no key: nobody can say",)),
        as_json=as_json,
    )
    if not names:
        raise typer.Exit(Exit.REFUSED)


def erase(
    tenant: Tenant,
    *,
    reason: Reason = "not given",
    keep_newest: Annotated[
        bool, typer.Option("--keep-newest", help="Spare the key in use: end an overlap.")
    ] = False,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a tenant's keys: nobody can say any more whom its records name. No way back.

    The trail records it by the keys' ids, before and after; what could not be recorded is not done.
    Interrupted, it is completed by the same command again.
    """
    from falaj.capture.key_events import KeyVerb  # noqa: PLC0415 - as above

    connection = Connection(Place.of(target, Settings.from_env()))
    keys = _keys(connection)
    held = [key.id for key in keys.ring().keys.get(tenant, ())]
    doomed = tuple(held[:-1] if keep_newest else held)
    is_recorded = False
    if doomed and not dry_run:
        is_recorded = _record(connection, KeyVerb.ERASE, doomed, reason)
        keys.destroy(tenant, doomed)
        _record(connection, KeyVerb.ERASED, doomed, reason)
    word = "would destroy" if dry_run else "destroyed"
    answer(
        {
            "tenant": tenant,
            "destroyed": [] if dry_run else list(doomed),
            "would": list(doomed),
            "recorded": is_recorded,
        },
        f"{escape(tenant)}: {word} {len(doomed)} keys {' '.join(doomed)}",
        as_json=as_json,
    )


def _record(connection: Connection, verb: "KeyVerb", keys: tuple[str, ...], reason: str) -> bool:
    """Have it written into the trail; False where the profile keeps none.

    Raises:
        CommandError: The recorder could not write it.
    """
    from falaj.capture.key_events import key_event  # noqa: PLC0415 - as above

    ssm = connection.client("ssm")
    with connection.translated("name its audit recorder"):
        found = ssm.get_parameters(Names=[RECORDER_PARAMETER])["Parameters"]
    if not found:
        return False
    event = key_event(verb, keys, actor=_actor(connection), reason=reason.strip() or "not given")
    recorder = PlatformFunction(
        connection=connection,
        parameter=RECORDER_PARAMETER,
        role="audit recorder",
        mend="profile enterprise keeps the audit trail",
    )
    told, is_failure = recorder.ask(event)
    if is_failure:
        raise CommandError(
            f"{verb.value} of {' '.join(keys)} could not be recorded "
            f"({told.get('errorMessage', 'no reason given')})",
            mend="run the same command again once S3 and KMS answer",
        )
    return True


def _actor(connection: Connection) -> str:
    if connection.place.target is Target.LOCAL:
        return f"{getpass.getuser()}@{platform.node()}"
    with connection.translated("say who is asking"):
        return str(connection.client("sts").get_caller_identity()["Arn"])


def _keys(connection: Connection) -> "CaptureKeys":
    from falaj.aws.capture_keys import CaptureKeys  # noqa: PLC0415 - boto3

    kms_key = parameter_of(connection, key_arn_parameter(DATA_KEY))
    return CaptureKeys(connection.client("ssm"), CAPTURE_KEYS_ROOT, kms_key=kms_key)
