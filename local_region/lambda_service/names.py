"""Function names, ARNs and qualifiers, in every form the Lambda API takes."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from local_region.lambda_service.refusals import (
    ConstraintError,
    InvalidParameterValueError,
    ResourceNotFoundError,
)

LATEST: Final = "$LATEST"

# Patterns and lengths: botocore's lambda/2015-03-31/service-2.json, shapes NamespacedFunctionName,
# Alias, Version, AdditionalVersion and NumericLatestPublishedOrAliasQualifier, botocore 1.44.5.
FUNCTION_NAME_PATTERN: Final = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
ALIAS_PATTERN: Final = r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)"
VERSION_PATTERN: Final = r"(\$LATEST(\.PUBLISHED)?|[0-9]+)"
ADDITIONAL_VERSION_PATTERN: Final = r"[0-9]+"
QUALIFIER_PATTERN: Final = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
_LONGEST_NAME: Final = 64
_LONGEST_ALIAS: Final = 128

_PARTS: Final = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The account and region a function lives in."""

    account: str
    region: str

    def arn(self, function: str, qualifier: str | None = None) -> str:
        """Write a function's ARN, qualified or not."""
        suffix = f":{qualifier}" if qualifier else ""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{function}{suffix}"

    @lru_cache(maxsize=1024)  # noqa: B019 - homes are few and equal; asked with every request
    def locate(self, text: str, qualifier: str | None = None) -> tuple[str, str | None]:
        """Split a name, partial ARN or ARN into function and qualifier.

        Raises:
            ConstraintError: The text is no function name, or the qualifier no qualifier.
            InvalidParameterValueError: The text names one qualifier and the argument another.
            ResourceNotFoundError: The ARN is of another region or account.
        """
        match = _PARTS.fullmatch(text)
        if match is None:
            raise _pattern_error(text, "functionName", FUNCTION_NAME_PATTERN)
        region, account, name, own = match.group("region", "account", "name", "qualifier")
        if region not in {None, self.region}:
            raise ResourceNotFoundError(
                f"Functions from '{region}' are not reachable in this region ('{self.region}')"
            )
        if account not in {None, self.account}:
            raise ResourceNotFoundError(f"Function not found: {text}")
        if qualifier and not re.fullmatch(QUALIFIER_PATTERN, qualifier):
            raise _pattern_error(qualifier, "qualifier", QUALIFIER_PATTERN)
        if own and qualifier and own != qualifier:
            raise InvalidParameterValueError(
                "The derived qualifier from the function name does not match "
                "the specified qualifier."
            )
        return name, own or qualifier or None


def check_function_name(name: str) -> None:
    """Refuse a name CreateFunction would refuse."""
    if not re.fullmatch(r"[a-zA-Z0-9-_]+", name):
        raise _pattern_error(name, "functionName", FUNCTION_NAME_PATTERN)
    if len(name) > _LONGEST_NAME:
        raise InvalidParameterValueError(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy "
            f"constraint: Member must have length less than or equal to {_LONGEST_NAME}"
        )


def check_alias_name(name: str) -> None:
    """Refuse an alias name that could be taken for a version, or is malformed."""
    if not re.fullmatch(ALIAS_PATTERN, name):
        raise _pattern_error(name, "name", ALIAS_PATTERN)
    if len(name) > _LONGEST_ALIAS:
        raise ConstraintError(
            value=name,
            member="name",
            constraint=f"Member must have length less than or equal to {_LONGEST_ALIAS}",
        )


def check_version(version: str) -> None:
    """Refuse text that is not a version."""
    if not re.fullmatch(VERSION_PATTERN, version):
        raise _pattern_error(version, "functionVersion", VERSION_PATTERN)


def is_version(qualifier: str) -> bool:
    """Tell a published version's number from an alias."""
    return qualifier.isascii() and qualifier.isdigit()


def _pattern_error(value: str, member: str, pattern: str) -> ConstraintError:
    return ConstraintError(
        value=value,
        member=member,
        constraint=f"Member must satisfy regular expression pattern: {pattern}",
    )
