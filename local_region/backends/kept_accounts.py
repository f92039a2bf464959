"""Accounts of moto that belong to a region, whatever else of this process speaks to moto.

moto keeps all state in tables of the process, one for each service. `mock_aws`, at every beginning
and end, resets every account in them; so does `POST /moto-api/reset`, and resetting S3 in one
account closes the objects of all of them. None of that reaches what is kept here. Nor is anything
of it in moto's lists of all objects ever made, which only grow.

Source:
    moto 5.2.5: `moto.core.base_backend.BackendDict.reset` resets the accounts of each service and
    clears its table, both under `backend_lock`; `moto.core.common_models.BaseModel.__new__` appends
    every object to its class's `instances_tracked`, which moto's dashboard shows and
    `moto.s3.models.S3Backend.reset` closes; `FakeKey.__del__` closes a key's file, and warns unless
    the key is `disposed`.
"""

import contextlib
from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import AccountSpecificBackend, BackendDict, backend_lock
from moto.core.model_instances import model_data
from moto.s3.models import FakeKey, FakeMultipart, S3Backend, s3_backends


class _KeptAccount(AccountSpecificBackend[Any]):
    """One account of one service, by region: not for others to reset."""

    def reset(self) -> None:
        """Leave everything as it is."""


class _Keeping(BackendDict[Any]):
    """A service's table, in which the accounts that are kept stay when it is cleared."""

    kept: dict[str, _KeptAccount]

    def clear(self) -> None:
        """Forget the accounts that nobody keeps."""
        super().clear()
        self.update(self.kept)


def keep(service: str, account: str) -> None:
    """Let a region have an account of a service, with what is in it already, until `forget`."""
    backends: Any = get_backend(service)  # type: ignore[call-overload]
    if not isinstance(backends, BackendDict):
        return  # moto's own pages have no accounts
    with backend_lock:
        table = _keeping(backends)
        if account not in table.kept:
            known = table[account]
            kept = _KeptAccount(service, account, known.backend, False, known.regions)  # noqa: FBT003 - moto's order
            kept.update(known)
            table[account] = table.kept[account] = kept


def forget(service: str, account: str) -> None:
    """Empty a region's account of a service; moto has it again."""
    backends: Any = get_backend(service)  # type: ignore[call-overload]
    with backend_lock:
        if isinstance(backends, _Keeping) and account in backends.kept:
            known = backends.kept.pop(account)
            del backends[account]
            for backend in known.values():
                _let_go(backend)


def untrack_objects(account: str) -> None:
    """Take an account's S3 objects off moto's lists: no reset but its own may close them.

    An object without references closes its file by itself, if only as often as Python collects.
    """
    kinds: tuple[Any, ...] = (FakeKey, FakeMultipart)
    for kind in kinds:
        tracked = kind.instances_tracked
        # One that another thread is making has no account yet, or no file.
        for one in [one for one in tracked if getattr(one, "account_id", None) == account]:
            if kind is FakeKey:
                if not hasattr(one, "disposed"):
                    continue
                one.disposed = True
            with contextlib.suppress(ValueError):  # another thread was quicker
                tracked.remove(one)


def untrack_models(service: str) -> None:
    """Empty moto's lists of all that a service ever made, but those by which S3 closes files."""
    models: Any = model_data.get(service, {})
    for model in models.values():
        if model not in {FakeKey, FakeMultipart}:
            model.instances_tracked.clear()


def _keeping(backends: Any) -> _Keeping:  # noqa: ANN401 - moto's tables, and this one
    """Let a table of moto's keep accounts; it stays where all of moto has it."""
    if not isinstance(backends, _Keeping):
        table = type(backends)
        backends.__class__ = type(f"Keeping{table.__name__}", (_Keeping, table), {})
        backends.kept = {}
    kept: _Keeping = backends
    return kept


def _let_go(backend: Any) -> None:  # noqa: ANN401 - any service's
    if isinstance(backend, S3Backend):
        # Its `reset` would close every account's objects; this account's close by themselves.
        for name in (*backend.buckets, *backend.table_buckets):
            s3_backends.bucket_accounts.pop(name, None)
    else:
        backend.reset()
