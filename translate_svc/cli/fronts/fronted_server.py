"""A server whose transports and sessions are in front processes, seen from the process with the engine."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.assembly import load_engine, running
from translate_svc.cli.fronts.supervisor import COMMAND, Supervisor
from translate_svc.cli.guard.doors import Behind
from translate_svc.cli.interrupts import temporary_folder
from translate_svc.cli.ports import ListenAddress, shared_port
from translate_svc.cli.transports import client_targets, listen_addresses
from translate_svc.config import Settings
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.model_facts import ModelFacts
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.front_group import FrontGroup
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.rpc.unix_socket import check_unix_address
from translate_svc.served_engine import ServedEngine
from translate_svc.server_info import ServerInfoReporter
from translate_svc.serving.protocols import TransportServer
from translate_svc.types import FrontProcess


class FrontedServer(ServedEngine):
    """The service of the whole, and its front processes. ``FrontedServer.start`` creates it."""

    def __init__(
        self,
        settings: Settings,
        engine: EngineHandle,
        facts: ModelFacts,
        group: FrontGroup,
        supervisor: Supervisor,
        targets: Mapping[str, str],
    ) -> None:
        monitor = group.load_monitor
        reporter = ServerInfoReporter(
            settings, facts.model, engine, group.admission, monitor, others=group.state
        )
        super().__init__(engine, monitor, reporter)
        self._group = group
        self._supervisor = supervisor
        self.targets = targets
        """What clients of each transport connect to, by its name."""
        self.servers: list[TransportServer] = [_SharedServer(target, self) for target in targets.values()]
        """One for each transport."""

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        settings: Settings,
        *,
        on_fatal: Callable[[BaseException], None],
        metrics: Metrics,
        behind: Behind | None = None,
    ) -> AsyncIterator[FrontedServer]:
        """Loads the model, starts engine and front processes, and ends all on exit.

        Args:
            settings: the operator's settings.
            on_fatal: called when the engine is lost.
            metrics: where to count what happens in all processes.
            behind: what stands behind a guard; there each process has sockets of its own.

        Raises:
            CheckpointError, InvalidArgument: as ``load_engine``; or an address cannot be shared.
            Unavailable: a front process could not be started. It has said why on standard error.
        """
        async with AsyncExitStack() as stack:
            inside = behind.names if behind else ()
            shared = {
                name: address if name in inside else stack.enter_context(shared_port(address))
                for name, address in listen_addresses(settings).items()
            }
            engine, facts = await asyncio.to_thread(load_engine, settings, metrics, on_fatal)
            await stack.enter_async_context(running(engine, settings.step_timeout_s))
            yield await stack.enter_async_context(
                cls.on_engine(settings, engine, facts, metrics, shared, behind=behind)
            )

    @classmethod
    @asynccontextmanager
    async def on_engine(
        cls,
        settings: Settings,
        engine: EngineHandle,
        facts: ModelFacts,
        metrics: Metrics,
        shared: Mapping[str, ListenAddress],
        *,
        command: Sequence[str] = COMMAND,
        options: ConnectionOptions = ConnectionOptions(),  # noqa: B008 - frozen
        behind: Behind | None = None,
    ) -> AsyncIterator[FrontedServer]:
        """Starts front processes for an engine that the caller starts, watches and stops.

        ``shared``: where each transport listens, by its name. ``command`` starts a front process.
        ``behind``: as of ``start``.
        """
        with temporary_folder("translate-svc-fronts-") as folder:
            _check_place(folder)
            told = _front_settings(settings, shared, folder)
            group = FrontGroup(
                engine,
                facts,
                metrics,
                capacity=settings.capacity_options(),
                admission=settings.admission_options(),
                options=options,
            )
            supervisor = Supervisor(group, told, folder, command, behind)
            telling = asyncio.create_task(group.run())
            try:
                await supervisor.start(settings.front_processes)
                targets = client_targets(settings, shared)
                server = cls(settings, engine, facts, group, supervisor, targets)
                metrics.set_snapshot_function(server.snapshot)
                yield server
            finally:
                await supervisor.kill()
                telling.cancel()

    @property
    def _trouble(self) -> str:
        return "" if self._group.ready else "no front process is ready"

    @property
    def pids(self) -> dict[int, int]:
        """The process ids of the front processes that run, by their index."""
        return self._supervisor.pids

    @property
    def live_sessions(self) -> int:
        """Streams and calls that are open now, of all transports."""
        return self._group.live_sessions

    @property
    def queued_input_ms(self) -> int:
        """Audio that waits to be processed at all front processes."""
        return self._group.state().queued_input_ms

    @property
    def front_processes(self) -> tuple[FrontProcess, ...]:
        """What each of them does."""
        return self._group.state().processes

    async def stop(self, grace_s: float) -> None:
        """Drains all front processes for up to ``grace_s``, then ends them. Again: sooner."""
        await self._supervisor.stop(grace_s)


class _SharedServer:
    """The ``TransportServer`` of one address at which all front processes listen."""

    def __init__(self, target: str, whole: FrontedServer) -> None:
        self._target = target
        self._whole = whole

    @property
    def target(self) -> str:
        """The address that a client connects to."""
        return self._target

    @property
    def live_streams(self) -> int:
        """Streams and calls at all addresses together."""
        return self._whole.live_sessions

    async def start(self) -> None:
        """Listens already."""

    async def stop(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Drains all front processes. They know of a lost engine; else their reason is the drain."""
        await self._whole.stop(grace_s)


def _check_place(folder: Path) -> None:
    """Raises InvalidArgument if a socket in ``folder`` would have too long a path."""
    try:
        check_unix_address(f"unix:{folder / '999-9999.sock'}")
    except InvalidArgument as error:
        raise InvalidArgument(f"{folder.parent} {error.description}", field="TMPDIR") from None


def _front_settings(settings: Settings, shared: Mapping[str, ListenAddress], folder: Path) -> Settings:
    """The settings of the front processes: with known ports, and keys that all of them have."""
    for address in shared.values():
        settings = address.applied(settings)
    if settings.resume_keys:
        return settings
    keys = folder / "resume-keys"
    keys.write_text(new_resume_key() + "\n")
    return dataclasses.replace(settings, resume_keys=str(keys))
