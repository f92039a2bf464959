"""Functions, versions and aliases, kept as strictly as AWS keeps them; nothing runs here.

Source: docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html and
configuration-aliases.html;
wording as in `refusals`.
"""

import dataclasses
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from falaj.domain.clock import Clock
from local_region.lambda_service.code_store import (
    Captured,
    CodeStore,
    check_unzipped,
    folder_bytes,
)
from local_region.lambda_service.concurrency import Limits, Share, check_reserved
from local_region.lambda_service.names import (
    LATEST,
    Home,
    check_alias_name,
    check_version,
    is_version,
)
from local_region.lambda_service.refusals import (
    ConstraintError,
    InvalidParameterValueError,
    PreconditionFailedError,
    ResourceConflictError,
    ResourceNotFoundError,
)
from local_region.lambda_service.routing import check_weights
from local_region.lambda_service.snap_start import check_snap_start
from local_region.lambda_service.values import (
    AliasView,
    EventInvokeConfig,
    FunctionSettings,
    FunctionView,
    VersionView,
)

_NO_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({})
_SETTABLE: Final = frozenset(
    {
        "handler",
        "runtime",
        "environment",
        "layers",
        "memory_mib",
        "timeout_s",
        "ephemeral_storage_mib",
        "snap_start",
        "role",
        "description",
    }
)


def settable(settings: FunctionSettings) -> dict[str, object]:
    """Return everything of settings that an existing function can be changed to."""
    names = _SETTABLE | {"code_folder", "architecture"}
    return {name: getattr(settings, name) for name in sorted(names)}


@dataclass(slots=True)
class _Function:
    latest: FunctionView
    captured: Captured
    versions: dict[str, VersionView] = field(default_factory=dict)
    aliases: dict[str, AliasView] = field(default_factory=dict)
    reserved: int | None = None
    provisioned: dict[str, int] = field(default_factory=dict)
    event_configs: dict[str, EventInvokeConfig] = field(default_factory=dict)
    next_version: int = 1


class ControlPlane:
    """The Lambda API's state.

    Args:
        clock: Dates `last_modified`.
        rng: Makes revision ids, so that a rehearsal repeats them.
        home: Account and region.
        store: Keeps code.
        limits: The account's limits.
    """

    def __init__(
        self, *, clock: Clock, rng: random.Random, home: Home, store: CodeStore, limits: Limits
    ) -> None:
        self._clock, self._rng, self.home = clock, rng, home
        self._store, self.limits = store, limits
        self._functions: dict[str, _Function] = {}

    # ------------------------------------------------------------ functions
    def capture(self, settings: FunctionSettings, host_layer: Callable[[Path], Path]) -> Captured:
        """Keep a copy of code and of layers, these as `host_layer` gives them.

        Slow, and nothing that the API shows changes by it: it may run in any thread.
        """
        layer_bytes = sum(map(folder_bytes, settings.layers))
        check_unzipped(settings.code_folder, layer_bytes)
        return self._store.capture(
            settings.code_folder,
            tuple(map(host_layer, settings.layers)),
            layer_bytes=layer_bytes,
        )

    def create_function(
        self, settings: FunctionSettings, captured: Callable[[FunctionSettings], Captured]
    ) -> FunctionView:
        """Create a function of what `captured` has kept of it, or keeps now."""
        if settings.name in self._functions:
            raise ResourceConflictError(f"Function already exist: {settings.name}")
        check_snap_start(settings)
        if settings.reserved_concurrency is not None:
            nobody = Share(reserved=None, provisioned={})
            check_reserved(
                settings.reserved_concurrency,
                nobody,
                claimed_by_others=self.claimed(),
                limits=self.limits,
            )
        kept = captured(settings)
        latest = self._view(settings, kept)
        self._functions[settings.name] = _Function(
            latest, kept, reserved=settings.reserved_concurrency
        )
        return latest

    def update_function(
        self,
        name: str,
        captured: Callable[[FunctionSettings], Captured],
        *,
        revision_id: str | None,
        changes: Mapping[str, object],
    ) -> FunctionView:
        """Change `$LATEST`'s code (`code_folder`, `architecture`) or configuration.

        `captured` is asked only for new layers, or for new code and new layers.
        """
        function = self._function(name)
        _check_revision(revision_id, function.latest.revision_id)
        unknown = changes.keys() - _SETTABLE - {"code_folder", "architecture"}
        if unknown:
            raise InvalidParameterValueError(
                f"{', '.join(sorted(unknown))} of a function cannot be changed"
            )
        settings = dataclasses.replace(function.latest.settings, **changes)  # type: ignore[arg-type]
        check_snap_start(settings)
        kept = function.captured
        if "layers" in changes:
            kept = captured(settings)
        elif "code_folder" in changes:
            check_unzipped(settings.code_folder, kept.layer_bytes)
            kept = self._store.capture(
                settings.code_folder, kept.layers, layer_bytes=kept.layer_bytes
            )
        function.latest, function.captured = self._view(settings, kept), kept
        return function.latest

    def delete_function(self, name: str, qualifier: str | None = None) -> None:
        """Delete a function, or one published version of it.

        Deleting a version that does not exist succeeds, as measured on the live service in floci
        issue 2819.
        """
        function = self._function(name)
        if qualifier is None:
            del self._functions[name]
            return
        if qualifier == LATEST:
            raise InvalidParameterValueError(
                "$LATEST version cannot be deleted without deleting the function."
            )
        if not is_version(qualifier):
            raise InvalidParameterValueError("Deletion of aliases is not currently supported.")
        users = [
            alias.name
            for alias in function.aliases.values()
            if qualifier == alias.function_version or qualifier in alias.weights
        ]
        if users:
            raise ResourceConflictError(
                "Unable to delete version because the following aliases reference it: "
                f"[{', '.join(users)}]"
            )
        function.versions.pop(qualifier, None)
        function.provisioned.pop(qualifier, None)

    def list_functions(self) -> tuple[FunctionView, ...]:
        """Return every function's `$LATEST`, by name."""
        return tuple(self._functions[name].latest for name in sorted(self._functions))

    # ------------------------------------------------------------- versions
    def publish_version(
        self,
        name: str,
        *,
        code_sha256: str | None = None,
        description: str = "",
        revision_id: str | None = None,
    ) -> VersionView:
        """Freeze `$LATEST` as the next version, or return the last one if nothing changed."""
        function = self._function(name)
        latest = function.latest
        _check_revision(revision_id, latest.revision_id)
        if code_sha256 not in {None, "", latest.code_sha256}:
            raise InvalidParameterValueError(
                f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST "
                f"({latest.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        last = function.versions.get(str(function.next_version - 1))
        if last is not None and _same_release(last, latest):
            return last
        number = str(function.next_version)
        frozen = dataclasses.replace(
            latest,
            version=number,
            arn=self.home.arn(name, number),
            settings=dataclasses.replace(
                latest.settings, description=description or latest.settings.description
            ),
            revision_id=self._revision(),
            last_modified=self._clock.now(),
        )
        function.versions[number] = frozen
        function.next_version += 1
        return frozen

    def list_versions(self, name: str) -> tuple[VersionView, ...]:
        """Return `$LATEST` and every published version, oldest first."""
        function = self._function(name)
        return (function.latest, *function.versions.values())

    def version(self, name: str, qualifier: str | None = None) -> VersionView:
        """Return what a qualifier stands for; an alias stands for its primary version."""
        function = self._function(name, qualifier)
        if qualifier in {None, LATEST}:
            return function.latest
        assert qualifier is not None  # noqa: S101 - narrowed by the line above
        alias = function.aliases.get(qualifier)
        if alias is not None:
            return self.version(name, alias.function_version)
        if qualifier not in function.versions:
            raise ResourceNotFoundError(f"Function not found: {self.home.arn(name, qualifier)}")
        return function.versions[qualifier]

    # -------------------------------------------------------------- aliases
    def create_alias(
        self,
        name: str,
        alias: str,
        function_version: str,
        *,
        weights: Mapping[str, float] = _NO_WEIGHTS,
        description: str = "",
    ) -> AliasView:
        """Create an alias."""
        check_alias_name(alias)
        function = self._function(name)
        if alias in function.aliases:
            raise ResourceConflictError(f"Alias already exists: {self.home.arn(name, alias)}")
        self._check_target(function, alias, function_version, weights)
        return self._store_alias(function, alias, function_version, weights, description)

    def update_alias(
        self,
        name: str,
        alias: str,
        function_version: str | None = None,
        *,
        weights: Mapping[str, float] | None = None,
        description: str | None = None,
        revision_id: str | None = None,
    ) -> AliasView:
        """Change what is given of an alias; the rest stays, the weights too."""
        check_alias_name(alias)
        function = self._function(name)
        if alias not in function.aliases:
            raise ResourceNotFoundError(f"Alias not found: {self.home.arn(name, alias)}")
        old = function.aliases[alias]
        _check_revision(revision_id, old.revision_id)
        version = old.function_version if function_version is None else function_version
        weights = old.weights if weights is None else weights
        self._check_target(function, alias, version, weights)
        text = old.description if description is None else description
        return self._store_alias(function, alias, version, weights, text)

    def get_alias(self, name: str, alias: str) -> AliasView:
        """Return an alias."""
        check_alias_name(alias)
        function = self._function(name)
        if alias not in function.aliases:
            raise ResourceNotFoundError(f"Cannot find alias arn: {self.home.arn(name, alias)}")
        return function.aliases[alias]

    def find_alias(self, name: str, qualifier: str | None) -> AliasView | None:
        """Return the alias a qualifier names, if it names one."""
        return self._function(name, qualifier).aliases.get(qualifier or "")

    def list_aliases(self, name: str, function_version: str | None = None) -> tuple[AliasView, ...]:
        """Return a function's aliases, by name, or those that route to one version."""
        aliases = self._function(name).aliases
        return tuple(
            aliases[alias]
            for alias in sorted(aliases)
            if function_version in {None, aliases[alias].function_version, *aliases[alias].weights}
        )

    def delete_alias(self, name: str, alias: str) -> None:
        """Delete an alias; deleting one that is not there succeeds."""
        check_alias_name(alias)
        function = self._function(name)
        function.aliases.pop(alias, None)
        function.provisioned.pop(alias, None)

    # ---------------------------------------------------------- concurrency
    def share(self, name: str) -> Share:
        """Return what a function reserved and provisioned."""
        function = self._function(name)
        return Share(reserved=function.reserved, provisioned=function.provisioned)

    def claimed(self, *, apart_from: str | None = None) -> int:
        """Return how much of the account's concurrency functions reserved or provisioned."""
        return sum(self.share(name).claimed for name in self._functions if name != apart_from)

    def set_reserved(self, name: str, reserved: int | None) -> None:
        """Reserve concurrency for a function, or give it back."""
        function = self._function(name)
        if reserved is not None:
            if reserved < 0:
                raise ConstraintError(
                    value=reserved,
                    member="reservedConcurrentExecutions",
                    constraint="Member must have value greater than or equal to 0",
                )
            check_reserved(
                reserved,
                self.share(name),
                claimed_by_others=self.claimed(apart_from=name),
                limits=self.limits,
            )
        function.reserved = reserved

    def set_provisioned(self, name: str, qualifier: str, wanted: int | None) -> None:
        """Record provisioned concurrency; `provisioned` checked it."""
        provisioned = self._function(name).provisioned
        if wanted is None:
            provisioned.pop(qualifier, None)
        else:
            provisioned[qualifier] = wanted

    # --------------------------------------------------------------- events
    def set_event_config(
        self, name: str, qualifier: str | None, config: EventInvokeConfig | None
    ) -> None:
        """Set or drop how asynchronous invocations of a qualifier are retried."""
        self.version(name, qualifier)
        configs = self._function(name).event_configs
        if config is None:
            configs.pop(qualifier or LATEST, None)
        else:
            configs[qualifier or LATEST] = config

    def event_config(self, name: str, qualifier: str | None) -> EventInvokeConfig | None:
        """Return how asynchronous invocations of a qualifier are retried, if it was set."""
        return self._function(name).event_configs.get(qualifier or LATEST)

    # -------------------------------------------------------------- private
    def _function(self, name: str, qualifier: str | None = None) -> _Function:
        if name not in self._functions:
            raise ResourceNotFoundError(f"Function not found: {self.home.arn(name, qualifier)}")
        return self._functions[name]

    def _view(self, settings: FunctionSettings, captured: Captured) -> FunctionView:
        return VersionView(
            function_name=settings.name,
            version=LATEST,
            arn=self.home.arn(settings.name),
            settings=dataclasses.replace(
                settings,
                code_folder=captured.code_folder,
                layers=captured.layers,
                reserved_concurrency=None,
            ),
            code_sha256=captured.sha256,
            code_size=captured.size,
            revision_id=self._revision(),
            last_modified=self._clock.now(),
            opt_folder=captured.opt_folder,
        )

    def _store_alias(
        self,
        function: _Function,
        alias: str,
        version: str,
        weights: Mapping[str, float],
        description: str,
    ) -> AliasView:
        name = function.latest.function_name
        view = AliasView(
            name=alias,
            function_name=name,
            arn=self.home.arn(name, alias),
            function_version=version,
            weights=MappingProxyType(dict(weights)),
            description=description,
            revision_id=self._revision(),
        )
        function.aliases[alias] = view
        return view

    def _check_target(
        self, function: _Function, alias: str, version: str, weights: Mapping[str, float]
    ) -> None:
        name = function.latest.function_name
        check_version(version)
        if version != LATEST and version not in function.versions:
            raise ResourceNotFoundError(f"Function not found: {self.home.arn(name, version)}")
        check_weights(version, weights)
        for other in weights:
            if other not in function.versions:
                raise ResourceNotFoundError(f"Function not found: {self.home.arn(name, other)}")
        if weights and alias in function.provisioned:
            raise InvalidParameterValueError(
                "Invalid alias configuration for Provisioned Concurrency"
            )

    def _revision(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _check_revision(given: str | None, latest: str) -> None:
    if given is not None and given != latest:
        raise PreconditionFailedError


def _same_release(version: VersionView, latest: FunctionView) -> bool:
    frozen = dataclasses.replace(version.settings, description=latest.settings.description)
    return version.code_sha256 == latest.code_sha256 and frozen == latest.settings
