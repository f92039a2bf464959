"""`falaj shed`: who waits while there is not room for all."""

from typing import Annotated, Final

import typer

from cli.failures import MisuseError
from cli.options import AsJson, DryRun, example
from cli.printing import answer
from cli.region.connection import Connection
from cli.region.target import Place, Target, TargetOption
from cli.settings import Settings
from falaj.contract import SHED_AUTO, SHED_PARAMETER
from falaj.domain.quota import FIRST, LAST

EXAMPLE: Final = example("falaj shed 2 --target aws", "falaj shed auto --target aws")


def shed(
    admitted: Annotated[
        str,
        typer.Argument(
            help=f"The last priority that is still answered, {FIRST} to {LAST}; {LAST} answers "
            f"everybody, {SHED_AUTO} leaves it to the load shedder.",
            show_default=False,
        ),
    ],
    *,
    target: TargetOption = Target.LOCAL,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Overrule who waits: priorities up to the given one are answered, the others 429.

    By itself the load shedder lets the last priorities wait while a model is short of capacity.
    A number holds for every model, whatever it finds, until `auto`; functions follow within a
    minute. A tenant's priority stands in the file that `falaj:tenants` names.
    """
    word = _word(admitted)
    connection = Connection(Place.of(target, Settings.from_env()))
    ssm = connection.client("ssm")
    with connection.translated("say who is shed"):
        try:
            before = str(ssm.get_parameter(Name=SHED_PARAMETER)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            raise MisuseError(
                f"{connection.place.name} counts no tenants: set falaj:tenants and deploy"
            ) from None
        if not dry_run:
            ssm.put_parameter(Name=SHED_PARAMETER, Value=word, Type="String", Overwrite=True)
    would = "would answer" if dry_run else "answers"
    answer(
        {"before": before, "admitted": before if dry_run else word},
        f"{connection.place.name} {would} {_who(word)} (before: {_who(before)})",
        as_json=as_json,
    )


def _word(given: str) -> str:
    numbers = {str(number) for number in range(FIRST, LAST + 1)}
    if given not in {SHED_AUTO, *numbers}:
        raise MisuseError(
            f"{given!r} is no priority", mend=f"write {FIRST} to {LAST}, or {SHED_AUTO}"
        )
    return given


def _who(word: str) -> str:
    if word == SHED_AUTO:
        return "whom there is room for"
    return "everybody" if word == str(LAST) else f"priorities {FIRST} to {word}"
