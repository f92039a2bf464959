"""Tenants' keys in SSM: one SecureString each, under the customer's key, gone when deleted.

A parameter's name is the key's random id, so that neither names nor logs of API calls tell whose it
is. Deleting a parameter takes its history along. Parameter Store has no backup, no point-in-time
recovery and no versions that outlive their parameter, which is why keys are not in a table or a
bucket, whose copies would bring a destroyed key back. Nothing else here writes them anywhere.

Source:
    docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html;
    API_GetParametersByPath.html (10 to a page), read 2026-11-22.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from secrets import token_bytes, token_hex

from falaj.aws.calls import Client, calling
from falaj.capture.keyring import ID_DIGITS, SECRET_BYTES, KeyRing, TenantKey

_MOST_AT_ONCE = 10
"""Names that DeleteParameters takes.

Source: docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html.
"""


class CaptureKeys:
    """Every tenant's keys.

    Args:
        ssm: An SSM client.
        root: Path that the parameters lie below.
        kms_key: Under which they are encrypted; empty for the account's own.
        randomness: Makes secrets.
    """

    def __init__(
        self,
        ssm: Client,
        root: str,
        *,
        kms_key: str = "",
        randomness: Callable[[int], bytes] = token_bytes,
    ) -> None:
        self._ssm, self._root, self._kms_key = ssm, root, kms_key
        self._randomness = randomness

    def ring(self) -> KeyRing:
        """Read every key; a parameter that holds none is left out, and keeps nobody from the rest.

        Raises:
            DependencyError: SSM refused or does not answer.
        """
        with calling("ssm", "give tenants' keys"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
                Path=self._root, Recursive=False, WithDecryption=True
            )
            found = [entry for page in pages for entry in page["Parameters"]]
        keys = (_key(entry["Name"], entry["Value"]) for entry in found)
        return KeyRing.of(key for key in keys if key is not None)

    def rotate(self, tenant: str) -> TenantKey:
        """Give a tenant a new key, its first or its next; those before still look up.

        Raises:
            DependencyError: SSM refused or does not answer.
        """
        newest = self.ring().current(tenant)
        key = TenantKey(
            tenant=tenant,
            number=newest.number + 1 if newest else 1,
            id=token_hex(ID_DIGITS // 2),
            secret=self._randomness(SECRET_BYTES),
        )
        value = {
            "tenant": tenant,
            "number": key.number,
            "secret": b64encode(key.secret).decode(),
        }
        with calling("ssm", "keep a tenant's key"):
            self._ssm.put_parameter(
                Name=f"{self._root}/{key.id}",
                Value=json.dumps(value),
                Type="SecureString",
                Overwrite=False,
                **({"KeyId": self._kms_key} if self._kms_key else {}),
            )
        return key

    def destroy(self, tenant: str, ids: Iterable[str] | None = None) -> tuple[str, ...]:
        """Destroy a tenant's keys, and return their ids: what they named names nobody now.

        What was interrupted is completed by asking again.

        Args:
            tenant: Whose.
            ids: Which of them; all by default.

        Raises:
            DependencyError: SSM refused or does not answer; some may be destroyed by then.
        """
        held = [key.id for key in self.ring().keys.get(tenant, ())]
        wanted = set(held if ids is None else ids)
        doomed = [id_ for id_ in held if id_ in wanted]
        for start in range(0, len(doomed), _MOST_AT_ONCE):
            names = [f"{self._root}/{id_}" for id_ in doomed[start : start + _MOST_AT_ONCE]]
            with calling("ssm", "destroy a tenant's keys"):
                self._ssm.delete_parameters(Names=names)
        return tuple(doomed)


def _key(name: str, text: str) -> TenantKey | None:
    try:
        value = json.loads(text)
        return TenantKey(
            tenant=str(value["tenant"]),
            number=int(value["number"]),
            id=name.rpartition("/")[2],
            secret=b64decode(value["secret"], validate=True),
        )
    except (ValueError, KeyError, TypeError):
        return None
