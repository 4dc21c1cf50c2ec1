"""Engines on a Ray cluster (extra ``ray``): one an actor, which Ray restarts when its process or node dies.

An actor does all that a file needs, from reading it to its record in the journal. So what an actor has
finished stays finished when it dies, and its other files are given to the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.cli.batch.arguments import BatchArguments
from translate_svc.cli.batch.file_work import FileWork, failed
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult, Journal
from translate_svc.cli.media.remote_files import is_address
from translate_svc.errors import EngineLost, TranslateSvcError, Unavailable
from translate_svc.variables import ENVIRONMENT_PREFIX

_MAX_DEATHS = 5
"""Workers that may die with a file before the file is given up: it may be what kills them."""

_REST_S = 1.0
_PATIENCE_S = 600.0
_CONNECT_TIMEOUT_S = 10.0


class EngineActor:
    """One engine. The model is loaded by the first file, again after each restart."""

    def __init__(self, arguments: BatchArguments, flags: Mapping[str, Any], staging: str | None) -> None:
        """``staging``: a folder on the file system of the outputs; None: the outputs go to an address."""
        self._arguments = arguments
        self._flags = flags
        self._staging = staging
        self._loading = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._work: FileWork | None = None

    async def translate(self, item: BatchItem) -> FileResult:
        """As ``FileWork.translate``. When the engine is lost, the process ends, and Ray starts another."""
        async with self._loading:
            if self._work is None:
                self._work = await self._open()
        try:
            return await self._work.translate(item)
        except EngineLost:
            os._exit(1)

    async def process_id(self) -> int:
        """For tests, which kill it."""
        return os.getpid()

    async def _open(self) -> FileWork:
        from translate_svc.cli.backends.local_backend import LocalBackend

        backend = LocalBackend(self._flags)
        table, model = await backend.languages(), await backend.model()
        translator = await self._stack.enter_async_context(backend.open())
        staging = Path(tempfile.mkdtemp(prefix="translate-svc-", dir=self._staging))
        journal = Journal(self._arguments.out)
        return FileWork(self._arguments, table, model, translator, journal, staging)


@dataclass(slots=True, eq=False)
class _Actor:
    """``live``: files that it has now. ``rests_until_s``: it was found dead; others go first until then."""

    handle: Any
    live: int = 0
    rests_until_s: float = 0.0


class RayWorkers:
    """A ``crew.Worker`` that gives each file to the actor with the fewest."""

    def __init__(
        self,
        arguments: BatchArguments,
        flags: Mapping[str, Any],
        journal: Journal,
        staging: Path,
        actors: int,
    ) -> None:
        """``actors``: how many; 0: one for each GPU of the cluster, or for each node if there is none.

        Raises:
            Unavailable: the cluster has nothing that an engine could run on.
        """
        import ray

        self._journal = journal
        nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        gpus = sum(int(node["Resources"].get("GPU", 0)) for node in nodes)
        gpus = 0 if flags.get("device") == "cpu" else gpus
        computing = [node for node in nodes if node["Resources"].get("CPU", 0) >= 1]
        self.actors = actors or gpus or len(computing)
        if not self.actors:
            raise Unavailable("the Ray cluster has no node that computes")
        folder = None if is_address(arguments.out) else str(staging)
        remote = ray.remote(EngineActor).options(
            num_cpus=1,
            num_gpus=min(1.0, gpus / self.actors),
            max_restarts=-1,
            max_task_retries=0,  # given to another actor instead
            max_concurrency=arguments.files_at_once,
            scheduling_strategy="SPREAD",
        )
        self.handles: list[Any] = [remote.remote(arguments, dict(flags), folder) for _ in range(self.actors)]
        self._actors = [_Actor(handle) for handle in self.handles]

    async def translate(self, item: BatchItem) -> FileResult:
        """Implements ``crew.Worker.translate``.

        Raises:
            Unavailable: for ten minutes no actor could be reached.
            TranslateSvcError: what an actor said, such as that it has no such model.
        """
        from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

        clock = asyncio.get_running_loop().time
        deaths, give_up_s = 0, clock() + _PATIENCE_S
        while deaths < _MAX_DEATHS:
            actor = min(self._actors, key=lambda each: (each.rests_until_s > clock(), each.live))
            actor.live += 1
            try:
                result: FileResult = await actor.handle.translate.remote(item)
                return result
            except RayTaskError as error:
                if isinstance(error.cause, TranslateSvcError | OSError):
                    raise error.cause from None
                raise
            except RayActorError as error:
                actor.rests_until_s = clock() + _REST_S
                if isinstance(error, ActorUnavailableError):
                    if clock() > give_up_s:
                        raise Unavailable(f"no worker for ten minutes: {error}") from None
                    await asyncio.sleep(_REST_S)
                else:
                    deaths, give_up_s = deaths + 1, clock() + _PATIENCE_S
            finally:
                actor.live -= 1
        result = failed(item, f"{deaths} workers died with it")
        await asyncio.to_thread(self._journal.write, result)
        return result


@contextlib.contextmanager
def ray_cluster(address: str) -> Iterator[None]:
    """Connects to the cluster, and leaves it at the end.

    Args:
        address: ``HOST:PORT``, ``auto`` for the cluster that this machine is part of, ``local`` for a new
            one on this machine.

    Raises:
        Unavailable: it cannot be reached.
    """
    import ray

    _check_reachable(address)
    settings = {name: text for name, text in os.environ.items() if name.startswith(ENVIRONMENT_PREFIX)}
    try:
        ray.init(
            address=address,
            runtime_env={"env_vars": settings},
            logging_level=logging.ERROR,
            log_to_driver=False,
            ignore_reinit_error=False,
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise Unavailable(f"{address}: the Ray cluster cannot be reached: {error}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raises Unavailable if nothing listens on ``HOST:PORT``. Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise Unavailable(
            f"{address}: the Ray cluster cannot be reached: {error.strerror or error}"
        ) from None
