"""The machine that pods run on: its images, its volumes, its clock and its diary."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

_ADDRESS_TRIES = 20


@dataclass(frozen=True, slots=True)
class Image:
    """How an image runs here.

    Attributes:
        entrypoint: its ENTRYPOINT.
        files: absolute paths inside it that commands name, and where they lie here.
    """

    entrypoint: tuple[str, ...]
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at_s: float
    pod: str
    container: str
    what: str


@dataclass(slots=True)
class Node:
    """Use it as a context manager: leaving it kills every process and removes every file.

    Attributes:
        images: by repository, without tag.
        claims: directories behind PersistentVolumeClaims.
        secrets: directories with the keys of Secrets as files.
        second_s: how long a second of a manifest lasts. Programs of the tests can be quicker than a real one.
        variables: what every container gets below its own environment.
    """

    images: Mapping[str, Image]
    claims: Mapping[str, Path] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    second_s: float = 1.0
    variables: Mapping[str, str] = field(default_factory=dict)
    diary: list[Entry] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _directory: Path = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Node:
        # short: the path of a Unix socket has at most 107 bytes
        self._directory = Path(tempfile.mkdtemp(prefix="node-"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self._directory)

    def note(self, pod: str, container: str, what: str) -> None:
        """Writes into the diary and wakes all that wait for a change."""
        self.diary.append(Entry(asyncio.get_running_loop().time(), pod, container, what))
        self.changed.set()

    def entries(self, what: str) -> list[Entry]:
        """Everything of this kind, in order."""
        return [entry for entry in self.diary if entry.what == what]

    async def wait(self) -> None:
        """Returns at the next change."""
        self.changed.clear()
        await self.changed.wait()

    async def sleep(self, manifest_seconds: float) -> None:
        """Sleeps by the clock of the manifests."""
        await asyncio.sleep(manifest_seconds * self.second_s)

    def start(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Keeps a task until it ends or the node does."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def directory(self, *names: str) -> Path:
        """A directory of the node's own, made if it is not there."""
        path = self._directory.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path


def free_address(ports: list[int]) -> str:
    """A loopback address on which all of ``ports`` are free.

    Raises:
        OSError: there is none: something listens on one of them on every address.
    """
    for _ in range(_ADDRESS_TRIES):
        address = ".".join(("127", *(str(random.randint(1, 254)) for _ in range(3))))
        if all(_is_free(address, port) for port in ports):
            return address
    raise OSError(f"no loopback address has the ports {ports} free: does something listen on 0.0.0.0?")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, port))
        except OSError:
            return False
    return True
