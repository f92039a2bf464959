"""The Lambda service of the local region: its control plane, and the environments that answer."""

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from falaj.domain.clock import Clock
from local_region.lambda_service import provisioned as provisioning
from local_region.lambda_service.code_store import Captured, CodeStore
from local_region.lambda_service.concurrency import Limits
from local_region.lambda_service.control_plane import ControlPlane, settable
from local_region.lambda_service.environment import Environment
from local_region.lambda_service.event_queue import EventQueue
from local_region.lambda_service.invocation import Invoker
from local_region.lambda_service.names import Home
from local_region.lambda_service.pool import Pools
from local_region.lambda_service.runtime_folders import RuntimeFolders
from local_region.lambda_service.values import (
    AliasView,
    Boundary,
    EventFailure,
    EventInvokeConfig,
    FunctionSettings,
    FunctionView,
    InvocationType,
    Invoked,
    InvokeResult,
    LogLine,
    ProvisionedView,
    VersionView,
)


class LambdaService:
    """One account's Lambda in one region.

    Args:
        clock: Dates everything and drives what is scheduled: idle reaping, event retries.
        rng: Seeds revision ids, request ids and alias routing.
        log_sink: Gets every line of every function's log, as it comes.
        runtime: Interpreter, runtime interface client and host layers.
        account: Account id in ARNs.
        region: Region in ARNs.
        limits: Account concurrency and the like.
        endpoint_url: Where functions find the other AWS services (`AWS_ENDPOINT_URL`).
        on_event_failure: Gets events that every attempt failed, as a dead-letter queue would.
        on_invocation: Told of every attempt to run a function, throttled ones included.
        boundary: What function processes run before their handler, if anything.
        state_folder: Where code is kept; a temporary folder, removed by `close`, if not given.
    """

    def __init__(  # noqa: PLR0913 - the edges of the service, all named
        self,
        *,
        clock: Clock,
        rng: random.Random,
        log_sink: Callable[[LogLine], None],
        runtime: RuntimeFolders,
        account: str = "000000000000",
        region: str = "me-central-1",
        limits: Limits | None = None,
        endpoint_url: str | None = None,
        on_event_failure: Callable[[EventFailure], None] | None = None,
        on_invocation: Callable[[Invoked], None] | None = None,
        boundary: Boundary | None = None,
        state_folder: Path | None = None,
    ) -> None:
        self._temporary = (
            Path(tempfile.mkdtemp(prefix="falaj-lambda-")) if state_folder is None else None
        )
        folder = (self._temporary or state_folder or Path()).resolve()
        self._runtime = runtime
        self._captures: set[asyncio.Future[Captured]] = set()
        self.home = Home(account=account, region=region)
        self.plane = ControlPlane(
            clock=clock,
            rng=random.Random(rng.getrandbits(64)),  # noqa: S311 - names, not secrets
            home=self.home,
            store=CodeStore(folder),
            limits=limits or Limits(),
        )
        self._pools = Pools(
            self.plane,
            clock=clock,
            log_sink=log_sink,
            runtime=runtime,
            scratch=folder / "tmp",
            endpoint_url=endpoint_url,
            rng=random.Random(rng.getrandbits(64)),  # noqa: S311 - names, not secrets
            boundary=boundary,
        )
        self._invoker = Invoker(
            self.plane,
            self._pools,
            seed=rng.getrandbits(64),
            on_invocation=on_invocation,
            process_clock=boundary.clock if boundary else None,
            process_speed=boundary.speed if boundary else 1.0,
        )
        self._events = EventQueue(
            self.plane, self._invoker, clock=clock, on_failure=on_event_failure
        )

    # ------------------------------------------------------------ life cycle
    async def start(self) -> None:
        """Watch memory, idle environments and due events until `close`."""
        self._pools.start()
        self._events.start()

    async def close(self) -> None:
        """Kill every function process, finish every invocation, remove what was written."""
        await self._events.close()
        await self._pools.close()
        await asyncio.gather(*self._captures, return_exceptions=True)
        if self._temporary is not None:
            # Thousands of files, on a disk that others use too: requests of other regions go on.
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    def tick(self) -> None:
        """Do everything that the clock has made due: reap idle environments, retry events."""
        self._pools.reap()
        self._events.release_due()

    def next_due(self) -> datetime | None:
        """Tell when an event is next tried again; None when none waits."""
        return self._events.next_due()

    async def drain(self) -> None:
        """Return when no event is running, and none is due, and no extension is at work."""
        while True:
            await self._pools.settle()
            await self._events.drain()
            if self._pools.is_settled and self._events.is_drained:
                return

    # ------------------------------------------------------------- functions
    async def capture(self, settings: FunctionSettings) -> Captured:
        """Copy code and layers while requests go on; for functions made or replaced with them.

        Raises:
            LambdaApiError: AWS would refuse them.
            ConfigurationError: A layer does not run on this machine and cannot be made to.
        """
        work = asyncio.ensure_future(asyncio.to_thread(self._captured, settings))
        self._captures.add(work)
        work.add_done_callback(self._captures.discard)
        # A thread cannot be stopped: `close` waits for it, whoever else has stopped waiting.
        return await asyncio.shield(work)

    def create_function(
        self, settings: FunctionSettings, captured: Captured | None = None
    ) -> FunctionView:
        """Create a function of what was captured, or of its code and layers as they are now.

        Raises:
            LambdaApiError: AWS would refuse it.
            ConfigurationError: A layer does not run on this machine and cannot be made to.
        """
        return self.plane.create_function(
            settings, self._captured if captured is None else lambda _: captured
        )

    def replace_function(self, settings: FunctionSettings, captured: Captured) -> FunctionView:
        """Make `$LATEST` what is wanted, of what was captured of it."""
        return self._update(settings.name, None, settable(settings), lambda _: captured)

    def update_function_code(
        self,
        name: str,
        code_folder: Path,
        *,
        architecture: str | None = None,
        revision_id: str | None = None,
    ) -> FunctionView:
        """Put new code into `$LATEST`; its running environments finish what they do and end."""
        changes: dict[str, object] = {"code_folder": code_folder}
        if architecture is not None:
            changes["architecture"] = architecture
        return self._update(name, revision_id, changes, self._captured)

    def update_function_configuration(
        self, name: str, *, revision_id: str | None = None, **settings: object
    ) -> FunctionView:
        """Change fields of `FunctionSettings` in `$LATEST`."""
        return self._update(name, revision_id, settings, self._captured)

    def _captured(self, settings: FunctionSettings) -> Captured:
        return self.plane.capture(settings, self._runtime.host_layer)

    def _update(
        self,
        name: str,
        revision_id: str | None,
        changes: Mapping[str, object],
        captured: Callable[[FunctionSettings], Captured],
    ) -> FunctionView:
        view = self.plane.update_function(name, captured, revision_id=revision_id, changes=changes)
        self._pools.retire_stale(name)
        return view

    def delete_function(self, name: str, qualifier: str | None = None) -> None:
        """Delete a function, or one published version."""
        name, qualifier = self.home.locate(name, qualifier)
        self.plane.delete_function(name, qualifier)
        self._pools.retire_stale(name)

    def get_function(self, name: str, qualifier: str | None = None) -> VersionView:
        """Return what a name, ARN or qualifier stands for."""
        return self.plane.version(*self.home.locate(name, qualifier))

    def list_functions(self) -> tuple[FunctionView, ...]:
        """Return every function, by name."""
        return self.plane.list_functions()

    # -------------------------------------------------------------- versions
    def publish_version(
        self,
        name: str,
        *,
        code_sha256: str | None = None,
        description: str = "",
        revision_id: str | None = None,
        provisioned: int | None = None,
    ) -> VersionView:
        """Freeze `$LATEST`; no new version when nothing changed since the last.

        `provisioned` is CloudFormation's ProvisionedConcurrencyConfig of AWS::Lambda::Version.
        """
        view = self.plane.publish_version(
            name, code_sha256=code_sha256, description=description, revision_id=revision_id
        )
        if provisioned is not None:
            self.put_provisioned_concurrency(name, view.version, provisioned)
        return view

    def list_versions(self, name: str) -> tuple[VersionView, ...]:
        """Return `$LATEST` and the published versions, oldest first."""
        return self.plane.list_versions(name)

    # --------------------------------------------------------------- aliases
    def create_alias(
        self,
        name: str,
        alias: str,
        function_version: str,
        *,
        weights: Mapping[str, float] | None = None,
        description: str = "",
    ) -> AliasView:
        """Create an alias; `weights` gives at most one additional version its share in [0, 1]."""
        return self.plane.create_alias(
            name, alias, function_version, weights=weights or {}, description=description
        )

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
        """Change what is given; empty `weights` removes them, none leaves them."""
        view = self.plane.update_alias(
            name,
            alias,
            function_version,
            weights=weights,
            description=description,
            revision_id=revision_id,
        )
        self._pools.follow_alias(name, alias)
        return view

    def get_alias(self, name: str, alias: str) -> AliasView:
        """Return an alias."""
        return self.plane.get_alias(name, alias)

    def list_aliases(self, name: str, function_version: str | None = None) -> tuple[AliasView, ...]:
        """Return aliases by name, or those that route to one version."""
        return self.plane.list_aliases(name, function_version)

    def delete_alias(self, name: str, alias: str) -> None:
        """Delete an alias and its provisioned concurrency."""
        self.plane.delete_alias(name, alias)
        self._pools.retire_stale(name)

    # ----------------------------------------------------------- concurrency
    def put_function_concurrency(self, name: str, reserved: int) -> None:
        """Reserve concurrency for a function; 0 stops it."""
        self.plane.set_reserved(name, reserved)

    def get_function_concurrency(self, name: str) -> int | None:
        """Return what a function reserved, if it did."""
        return self.plane.share(name).reserved

    def delete_function_concurrency(self, name: str) -> None:
        """Give a function's reserved concurrency back."""
        self.plane.set_reserved(name, None)

    def put_provisioned_concurrency(
        self, name: str, qualifier: str | None, wanted: int
    ) -> ProvisionedView:
        """Keep `wanted` environments warm for a version or alias; they start in the background."""
        provisioning.check_request(self.plane, name, qualifier, wanted)
        assert qualifier is not None  # noqa: S101 - refused by the line above
        self.plane.set_provisioned(name, qualifier, wanted)
        self._pools.provision(name, qualifier, wanted)
        return self.get_provisioned_concurrency(name, qualifier)

    def get_provisioned_concurrency(self, name: str, qualifier: str | None) -> ProvisionedView:
        """Return how many of a qualifier's environments are up."""
        return self._pools.provisioned_view(
            name, provisioning.existing(self.plane, name, qualifier)
        )

    def list_provisioned_concurrency(self, name: str) -> tuple[ProvisionedView, ...]:
        """Return the provisioned concurrency of every qualifier of a function."""
        return tuple(
            self._pools.provisioned_view(name, qualifier)
            for qualifier in sorted(self.plane.share(name).provisioned)
        )

    def delete_provisioned_concurrency(self, name: str, qualifier: str | None) -> None:
        """End a qualifier's provisioned environments."""
        provisioning.check_qualifier(self.plane, name, qualifier)
        self.plane.set_provisioned(name, qualifier or "", None)
        self._pools.retire_stale(name)

    async def ready(self, name: str, qualifier: str) -> ProvisionedView:
        """Return when a qualifier's provisioned environments are up, or failed to start."""
        await self._pools.provisioned_settled(name, qualifier)
        return self.get_provisioned_concurrency(name, qualifier)

    def put_event_invoke_config(
        self, name: str, qualifier: str | None, config: EventInvokeConfig | None
    ) -> None:
        """Set, or with None drop, how asynchronous invocations are retried."""
        self.plane.set_event_config(name, qualifier, config)

    def get_event_invoke_config(self, name: str, qualifier: str | None) -> EventInvokeConfig | None:
        """Return how asynchronous invocations are retried, if it was set."""
        return self.plane.event_config(name, qualifier)

    def now(self) -> datetime:
        """Return the region's time."""
        return self._pools.now()

    def environments(self, name: str) -> tuple[Environment, ...]:
        """Return a function's environments, for tests that kill one and screens that show them."""
        return self._pools.environments(name)

    def end_idle(self, name: str, version: str) -> None:
        """End the idle environments of one version: its next requests start cold."""
        self._pools.end_idle(name, version)

    def end_where(self, is_lost: Callable[[str], bool]) -> int:
        """End the idle environments whose identity says so, and return how many."""
        return self._pools.end_where(is_lost)

    def bound(self, name: str, check: Callable[[], None] | None) -> None:
        """Let a function's invocations be refused by more than its concurrency; None ends it.

        Args:
            name: The function.
            check: Raises TooManyRequestsError when there is no room.
        """
        self._pools.bound(name, check)

    def held_up_s(self, request_id: str) -> float:
        """Return how long the machine has held up an invocation so far; 0 if none is under way."""
        return self._pools.held_up_s(request_id)

    def expire(self, environment: str) -> None:
        """End what an environment does now as its function's timeout would."""
        self._pools.expire(environment)

    # ------------------------------------------------------------ invocation
    async def invoke(
        self,
        function: str,
        qualifier: str | None,
        payload: bytes,
        *,
        invocation_type: InvocationType = "RequestResponse",
        request_id: str | None = None,
        trace: str | None = None,
        client_context: str | None = None,
    ) -> InvokeResult:
        """Invoke a function by name or ARN, as the Invoke API does.

        Raises:
            LambdaApiError: Unknown function, payload refused, or throttled.
        """
        call = self._invoker.admit(
            function,
            qualifier,
            payload,
            invocation_type=invocation_type,
            request_id=request_id,
            trace=trace,
            client_context=client_context,
        )
        if invocation_type == "DryRun":
            return call.accepted(204)
        if invocation_type == "Event":
            self._events.put(call)
            return call.accepted(202)
        return await self._invoker.run(call)
