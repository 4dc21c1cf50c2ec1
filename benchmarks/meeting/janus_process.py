"""A Janus server as a process, with a configuration of its own on free ports."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

JANUS = shutil.which("janus")
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")
_PLUGIN = "libjanus_videoroom.so"
_START_S = 20.0


def _free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port


def _libraries() -> Path:
    """Where Debian has put plugins and transports, whatever the machine's architecture."""
    found = sorted(Path("/usr/lib").glob("*/janus"))
    return found[0] if found else _LIBRARIES


def _others(kind: str, wanted: str) -> str:
    """All libraries of a kind but one, as ``disable`` takes them."""
    names = sorted(each.name for each in (_libraries() / kind).glob("*.so"))
    return ",".join(name for name in names if name != wanted)


def _write(folder: Path, port: int, rooms: Iterable[int], publishers: int) -> None:
    libraries = _libraries()
    (folder / "janus.jcfg").write_text(f"""
general: {{
    configs_folder = "{folder}"
    plugins_folder = "{libraries}/plugins"
    transports_folder = "{libraries}/transports"
    events_folder = "{libraries}/events"
    loggers_folder = "{libraries}/loggers"
    debug_level = 3
    server_name = "test"
}}
plugins: {{ disable = "{_others("plugins", _PLUGIN)}" }}
transports: {{ disable = "{_others("transports", "libjanus_websockets.so")}" }}
""")
    (folder / "janus.transport.websockets.jcfg").write_text(f"""
general: {{ ws = true, ws_port = {port}, ws_ip = "127.0.0.1", wss = false }}
admin: {{ admin_ws = false, admin_wss = false }}
""")
    (folder / "janus.plugin.videoroom.jcfg").write_text(
        "general: { }\n"
        + "".join(
            f'room-{room}: {{ description = "test", publishers = {publishers}, record = false }}\n'
            for room in rooms
        )
    )


@contextmanager
def janus_process(
    folder: Path, *, rooms: Iterable[int] = (1,), publishers: int = 12
) -> Iterator[tuple[str, JanusProcess]]:
    """A server with these rooms, and the address of its WebSocket interface."""
    port = _free_port()
    _write(folder, port, rooms, publishers)
    janus = JanusProcess(folder, port)
    janus.start()
    try:
        yield f"ws://127.0.0.1:{port}", janus
    finally:
        janus.kill()


class JanusProcess:
    """A server that may be killed and started again at its port."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None, "it was never started"
        return self._process.pid

    def start(self) -> None:
        """Returns when it can be connected to."""
        assert JANUS is not None, "Debian's package janus is not installed"
        command = [JANUS, "-F", str(self._folder), "-C", str(self._folder / "janus.jcfg")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline_s = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
                return
            if time.monotonic() > deadline_s or self._process.poll() is not None:
                raise RuntimeError(f"Janus did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """At once, with nothing said."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
