"""Ctrl-C at any moment: one line, exit code 130, and soon."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import NOTICE, ROOT, STARTER, environment, run, start
from translate_svc.cli import interrupts

_PRESS = """
import os, signal, sys, time
from importlib.abc import MetaPathFinder

class PressCtrlC(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep({pause_s})

sys.meta_path.insert(0, PressCtrlC())
"""
_LONG_S = 300
"""A wait of this length runs into the time limit of the test."""
SAY = ("say", "Good morning.", "--from", "en", "--to", "es", "--model", STARTER)


@pytest.mark.parametrize("command", [SAY, ("serve", "--model", STARTER, "--port", "0")], ids=["say", "serve"])
@pytest.mark.parametrize(
    "module",
    [
        "translate_svc.cli.main",
        "typer",
        "numpy",
        "translate_svc.session.session",
        pytest.param("torch", marks=pytest.mark.slow),
    ],
)
async def test_ctrl_c_while_modules_are_imported(
    tmp_path: Path, module: str, command: tuple[str, ...]
) -> None:
    """The moments of the first two seconds, each hit exactly."""
    (tmp_path / "sitecustomize.py").write_text(_PRESS.format(module=module, pause_s=0))
    code, output, error = await run(*command, variables={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"})
    assert (code, output) == (130, "")
    assert error.splitlines()[-1] == "translate-svc: interrupted"
    assert "Traceback" not in error


async def test_a_thread_that_loads_a_model_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_PRESS.format(module="torch", pause_s=_LONG_S))
    code, output, error = await run(*SAY, variables={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"})
    assert (code, output, error) == (130, "", f"{NOTICE}translate-svc: interrupted\n")


_HANG_AT_EXIT = """
import ctypes
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.pause, None, None)
"""


async def test_an_interrupted_command_does_not_wait_for_the_exit_of_its_libraries(tmp_path: Path) -> None:
    """Python has given the signal back to the system then: another Ctrl-C would end the process by it."""
    press = _PRESS.format(module="translate_svc.assembly", pause_s=0)
    (tmp_path / "sitecustomize.py").write_text(press + _HANG_AT_EXIT)
    code, output, error = await run(*SAY, variables={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"})
    assert (code, output, error) == (130, "", "translate-svc: interrupted\n")


async def test_sigterm_ends_a_server_that_still_loads(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        _PRESS.format(module="torch", pause_s=_LONG_S).replace("SIGINT", "SIGTERM")
    )
    process = await start(
        "serve", "--model", STARTER, "--port", "0", variables={"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    )
    await process.communicate()
    assert process.returncode == -signal.SIGTERM


_FIRST_PROCESS = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")
"""The kernel then drops each signal for which the process has no handler, as in a container."""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
async def test_it_ends_a_server_that_still_loads_as_the_first_process_of_a_container(
    tmp_path: Path, name: str
) -> None:
    trial = await asyncio.create_subprocess_exec(*_FIRST_PROCESS, "true", stderr=asyncio.subprocess.DEVNULL)
    if await trial.wait():
        pytest.skip("this machine lets nobody make namespaces")
    goes_on = "time.sleep(5)\n            os._exit(0)"
    press = _PRESS.replace("SIGINT", name).replace("time.sleep({pause_s})", goes_on)
    (tmp_path / "sitecustomize.py").write_text(press.format(module="torch"))
    process = await asyncio.create_subprocess_exec(
        *(*_FIRST_PROCESS, sys.executable, "-m", "translate_svc", "serve", "--model", STARTER, "--port", "0"),
        cwd=ROOT,
        env=environment({"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}),
    )
    assert await process.wait() == 128 + signal.Signals[name]


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """Python's own handler. A shell that runs the tests in the background has them ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_interrupts")
def test_what_ends_in_time_is_cleaned_up() -> None:
    cleaned = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(work())
    assert cleaned
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert interrupts.run(asyncio.sleep(0, "result")) == "result"


@pytest.mark.usefixtures("heard_interrupts")
def test_two_signals_of_one_press_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """``timeout`` of coreutils sends a signal to the command, and to its process group."""
    monkeypatch.setattr(interrupts, "_SAME_PRESS_S", _LONG_S)
    monkeypatch.setattr(interrupts, "leave", lambda: pytest.fail("the clean-up was cut short"))
    cleaned = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(work())
    assert cleaned


_HANGS = """
import asyncio, shutil, signal, sys, time
from pathlib import Path
from translate_svc.cli import interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)
interrupts._CLEAN_UP_S = {long_s}
remove, removals = shutil.rmtree, []

def stuck(*arguments, **keywords):
    if not removals:
        removals.append(arguments)
        print("removing", flush=True)
        time.sleep({long_s})
    remove(*arguments, **keywords)

if {told!r} == "removing":
    shutil.rmtree = stuck

async def work():
    with (
        interrupts.at_leave(lambda: print("left", flush=True)),
        interrupts.at_leave(lambda: 1 / 0),
        interrupts.temporary_folder("parts-", Path(sys.argv[1])),
    ):
        print("begun", flush=True)
        try:
            await asyncio.sleep({long_s})
        finally:
            if {told!r} == "cleaning":
                print("cleaning", flush=True)
                {hangs}({long_s})

interrupts.run(work())
"""


@pytest.mark.parametrize(
    ("told", "hangs"), [("cleaning", "await asyncio.sleep"), ("cleaning", "time.sleep"), ("removing", "")]
)
async def test_the_second_ctrl_c_ends_a_command_whose_clean_up_hangs(
    tmp_path: Path, told: str, hangs: str
) -> None:
    script = _HANGS.format(told=told, hangs=hangs, long_s=_LONG_S)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        for line in ("begun", told):
            assert (await process.stdout.readline()).decode() == f"{line}\n"
            await asyncio.sleep(0.1)  # later than the second signal of one press
            process.send_signal(signal.SIGINT)
        output, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, output, error) == (130, b"left\n", b"translate-svc: interrupted\n")
    assert not os.listdir(tmp_path)
