"""Who signs a request: a key, whose it is, and what its policies let it invoke."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_region.gateway.execute_policy import Ruling, combined

Policy = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A known key.

    Attributes:
        access_key: Its id.
        secret: What it signs with.
        arn: Whose it is: a user's, or a session's of a role.
        id: As IAM numbers them.
        session_token: What a session shows as well; empty for a user.
        policies: What they are allowed; None for the account's owner, who may do everything.
        bounds: What they are allowed at most: a boundary, or a session's own policy.
    """

    access_key: str
    secret: str
    arn: str
    id: str
    session_token: str = ""
    policies: tuple[Policy, ...] | None = None
    bounds: tuple[Policy, ...] = ()

    def ruling(self, method_arn: str) -> Ruling:
        """Say whether the signer may invoke a method; what is not understood allows nothing."""
        if self.policies is None:
            return Ruling.ALLOWED
        try:
            return combined(self.policies, self.bounds, method_arn)
        except ValueError:
            return Ruling.UNSAID


FindSigner = Callable[[str], Signer | None]
"""Access key → whose it is; None for nobody that is known."""


def nobody(access_key: str) -> Signer | None:
    """Know no signer."""
    del access_key
    return None
