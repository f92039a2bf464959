"""Whose an access key is: the owner's of this machine, or a user's or session's of the account.

Users, groups, roles and their policies are made as on AWS, by IAM's and STS's own calls against
the region's AWS endpoint; moto keeps them.

Source:
    moto 5.2.5, `moto.iam.models` and `moto.sts.models`, whose objects alone hold the secrets.
    docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys_manage.html (an inactive key
    is nobody's), read 2026-11-22.
"""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from moto.backends import get_backend

from falaj.domain.clock import Clock
from local_region.credentials import LocalCredentials
from local_region.gateway.signers import Policy, Signer

_PARTITION: Final = "aws"
_OWNER: Final = "owner"
_ACTIVE: Final = "Active"
_NOTHING: Final[Policy] = {"Statement": []}


class Principals:
    """Finds who signs.

    Args:
        account: The region's.
        owner: This machine's own credentials, which may do everything.
        clock: Ends sessions.
    """

    def __init__(self, account: str, owner: LocalCredentials, clock: Clock) -> None:
        self._account, self._clock = account, clock
        self._owner = Signer(
            access_key=owner.access_key,
            secret=owner.secret_key,
            arn=f"arn:aws:iam::{account}:user/{_OWNER}",
            id=owner.access_key,
        )

    def __call__(self, access_key: str) -> Signer | None:
        """Return whose a key is; None for nobody's."""
        if access_key == self._owner.access_key:
            return self._owner
        return self._user(access_key) or self._session(access_key)

    def _user(self, access_key: str) -> Signer | None:
        iam = self._backend("iam")
        for user in list(iam.users.values()):
            for key in user.access_keys:
                if key.access_key_id == access_key and key.status == _ACTIVE:
                    return Signer(
                        access_key=access_key,
                        secret=key.secret_access_key,
                        arn=user.arn,
                        id=user.id,
                        policies=tuple(_of_user(iam, user)),
                    )
        return None

    def _session(self, access_key: str) -> Signer | None:
        found = self._backend("sts").get_assumed_role_from_access_key(access_key)
        now = self._clock.now().replace(tzinfo=None)
        if found is None or found.expiration.replace(tzinfo=None) <= now:
            return None
        iam = self._backend("iam")
        roles = (role for role in list(iam.roles.values()) if role.arn == found.role_arn)
        role = next(roles, None)
        bounds: list[Policy] = [_read(found.policy)] if found.policy else []
        if role is not None and role.permissions_boundary_arn:
            bounds.append(_managed(iam, role.permissions_boundary_arn))
        own = () if role is None else (*map(_read, role.policies.values()), *_attached(role))
        return Signer(
            access_key=access_key,
            secret=found.secret_access_key,
            arn=found.arn,
            id=found.user_id,
            session_token=found.session_token,
            policies=own,
            bounds=tuple(bounds),
        )

    def _backend(self, service: str) -> Any:  # noqa: ANN401 - moto's own
        backends: Any = get_backend(service)  # type: ignore[call-overload]
        return backends[self._account][_PARTITION]


def _of_user(iam: Any, user: Any) -> Iterator[Policy]:  # noqa: ANN401 - moto's own
    yield from map(_read, user.policies.values())
    yield from _attached(user)
    for group in iam.get_groups_for_user(user.name):
        yield from map(_read, group.policies.values())
        yield from _attached(group)


def _attached(holder: Any) -> Iterator[Policy]:  # noqa: ANN401 - moto's own
    return map(_default, holder.managed_policies.values())


def _managed(iam: Any, arn: str) -> Policy:  # noqa: ANN401 - moto's own
    found = iam.managed_policies.get(arn)
    return _NOTHING if found is None else _default(found)


def _default(policy: Any) -> Policy:  # noqa: ANN401 - moto's own
    """Read a managed policy's version that counts."""
    documents = {version.version_id: version.document for version in policy.versions}
    return _read(documents[policy.default_version_id])


def _read(document: Any) -> Policy:  # noqa: ANN401 - text, or what was read from it
    """Read a policy; one that is none allows nothing, as everything that is not understood."""
    try:
        read = json.loads(unquote(document)) if isinstance(document, str) else document
    except ValueError:
        return _NOTHING
    return read if isinstance(read, dict) else _NOTHING
