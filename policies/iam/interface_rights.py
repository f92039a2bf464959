"""Lambda joins a network in a function's name; the function's code does not."""

from collections.abc import Iterator
from typing import Final

from policies.application import Resource, View
from policies.rule import Rule
from policies.statements import IDENTITY, TRUST, Statement, statements

_MAKES: Final = "ec2:CreateNetworkInterface"
_LAMBDA: Final = ("Service", "lambda.amazonaws.com")


def _check(resource: Resource, view: View) -> Iterator[str]:
    del view
    if not any(_LAMBDA in statement.principals for statement in statements(resource, TRUST)):
        return
    written = [*statements(resource, IDENTITY)]
    makes = any(each.is_allow and _MAKES in each.actions for each in written)
    if makes and not any(map(_keeps_code_out, written)):
        yield f"its code may use {_MAKES}; deny it where lambda:SourceFunctionArn names a function"


def _keeps_code_out(statement: Statement) -> bool:
    keys = {key for test in statement.conditions.values() for key in test}
    return (
        not statement.is_allow
        and _MAKES in statement.actions
        and keys == {"lambda:SourceFunctionArn"}
    )


RULE = Rule(
    id="iam.interface-rights",
    title="No network interfaces made by a function's code",
    reason=(
        "The right that Lambda needs to join a network holds for the code as well, which could "
        "make an interface in any other network of the account."
    ),
    source=(
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html"
        "#configuration-vpc-best-practice"
    ),
    controls=("ISO-5.15", "ISO-8.2", "ISO-8.22", "IAR-T5"),
    types=("AWS::IAM::Role",),
    check=_check,
)
