"""The blocking client in programs that fork, are interrupted, or just end. Each is a process of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time

import pytest

from translate_svc.client import Client
from translate_svc.errors import TranslateSvcError
from translate_svc.rpc.server import RpcServer

OPEN = """
import os, signal, sys, threading
from translate_svc.client import Client
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
def stream(client):
    return client.stream(targets=["spa"], sample_rate_hz=16_000)
"""


def program(text: str, target: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OPEN + text, target],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def finished(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed; it must end by itself."""
    return await asyncio.to_thread(process.communicate, timeout=60)


async def test_a_client_that_was_made_before_a_fork_works_in_both(server: RpcServer) -> None:
    text = """
client = Client(sys.argv[1])
child = os.fork()
with stream(client) as opened:
    os.write(1, b"%r\\n" % bool(opened.opened.session_id))  # one write: both have this pipe
client.close()
if child:
    assert os.waitpid(child, 0)[1] == 0
"""
    said, errors = await finished(program(text, server.target))
    assert (said.split(), errors) == (["True", "True"], "")


@pytest.mark.parametrize("used", ["client", "Client(sys.argv[1])"])
async def test_no_client_waits_for_ever_in_a_child_of_a_process_that_uses_one(
    server: RpcServer, used: str
) -> None:
    text = f"""
client = Client(sys.argv[1])
client.info()
if (child := os.fork()) == 0:
    signal.alarm(30)  # gRPC itself would wait for ever, whatever the deadline
    try:
        {used}.info()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
client.close()
"""
    said, _ = await finished(program(text, server.target))
    assert said.startswith("this process was forked while a client was in use")


async def test_a_client_works_in_a_child_when_the_parents_is_closed(server: RpcServer) -> None:
    text = """
with Client(sys.argv[1]) as client:
    client.info()
if (child := os.fork()) == 0:
    signal.alarm(30)
    with Client(sys.argv[1]) as another:
        print(bool(another.info().version), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    said, _ = await finished(program(text, server.target))
    assert said == "True\n"


async def test_an_interrupt_ends_a_wait_for_events(server: RpcServer) -> None:
    text = """
try:
    with Client(sys.argv[1]) as client, stream(client) as opened:
        print("open", flush=True)
        for event in opened:
            pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = program(text, server.target)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "open\n"
    process.send_signal(signal.SIGINT)
    said, errors = await finished(process)
    assert (said, errors) == ("interrupted\n", "")


async def test_no_interrupt_leaves_the_client_unusable(server: RpcServer) -> None:
    text = """
import random, time

class Interrupted(Exception):
    pass

def interrupt(*_):
    raise Interrupted

signal.signal(signal.SIGALRM, interrupt)
moments = random.Random(5)
with Client(sys.argv[1]) as client:
    client.info()
    began = time.monotonic()
    client.info()
    took = time.monotonic() - began
    met = 0
    for _ in range(1500):
        try:
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(1e-6, took))
            client.info()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            met += 1
    print(bool(client.info().version), met > 100)
"""
    said, _ = await finished(program(text, server.target))
    assert said == "True True\n"


@pytest.mark.parametrize(
    "left", ["opened = stream(client).__enter__()", "events = iter(stream(client).__enter__())"]
)
async def test_a_program_may_end_with_open_streams(server: RpcServer, left: str) -> None:
    text = f"""
client = Client(sys.argv[1])
{left}
print("end", flush=True)
"""
    said, errors = await finished(program(text, server.target))
    assert (said, errors) == ("end\n", "")


def test_a_closed_client_says_so() -> None:
    client = Client("127.0.0.1:1")
    client.close()
    client.close()
    with pytest.raises(TranslateSvcError, match="closed"):
        client.info()


async def test_a_client_that_is_dropped_ends_its_thread(server: RpcServer) -> None:
    def use() -> None:
        assert Client(server.target).info().version

    before = set(threading.enumerate())
    await asyncio.to_thread(use)
    deadline = time.monotonic() + 30
    while any("translate-svc" in each.name for each in set(threading.enumerate()) - before):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
