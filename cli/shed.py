"""`falaj shed`: who waits while there is not room for all."""

from typing import Annotated, Final

import typer

from cli.failures import MisuseError
from cli.options import AsJson, DryRun, example
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from falaj.contract import SHED_PARAMETER
from falaj.domain.quota import FIRST, LAST

EXAMPLE: Final = example("falaj shed 2 --target aws", "falaj shed 5 --target aws")


def shed(
    admitted: Annotated[
        int,
        typer.Argument(
            min=FIRST,
            max=LAST,
            help=f"The last priority that is still answered; {LAST} answers everybody.",
            show_default=False,
        ),
    ],
    *,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Answer tenants of the first priorities only, and the others 429, within a minute.

    For when zones are lost and capacity is short. A tenant's priority stands in the file that
    `falaj:tenants` names.
    """
    connection = Connection(Place.of(target, Settings.from_env()))
    ssm = connection.client("ssm")
    with connection.translated("say who is shed"):
        try:
            before = int(ssm.get_parameter(Name=SHED_PARAMETER)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            raise MisuseError(
                f"{connection.place.name} counts no tenants: set falaj:tenants and deploy"
            ) from None
        if not dry_run:
            ssm.put_parameter(
                Name=SHED_PARAMETER, Value=str(admitted), Type="String", Overwrite=True
            )
    who = "everybody" if admitted == LAST else f"priorities {FIRST} to {admitted}"
    word = "would answer" if dry_run else "answers"
    answer(
        {"before": before, "admitted": before if dry_run else admitted},
        f"{connection.place.name} {word} {who} (before: {FIRST} to {before})",
        as_json=as_json,
    )
