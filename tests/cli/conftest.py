"""The command as its tests run it: in this process where that will do, for a process costs seconds."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

import pytest

from tests.cli.process import NOTICE, ROOT, environment, served
from translate_svc.cli.main import main


class Command(Protocol):
    """Runs the command in this process: exit code, standard output, standard error."""

    def __call__(self, *arguments: str, variables: Mapping[str, str] = ...) -> tuple[int, str, str]: ...


def _not_of_an_earlier_loop(record: logging.LogRecord) -> bool:
    """False for what asyncio logs when gRPC's poller, one for the process, wakes the closed loop of an
    earlier test. A command has one loop in its process.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """``main`` itself, in the root of the checkout. The starter's notice is left out of standard error."""
    loggers = [logging.getLogger(), logging.getLogger("translate_svc")]
    before = [(each, each.handlers[:], each.level) for each in loggers]
    monkeypatch.chdir(ROOT)
    logging.getLogger("asyncio").addFilter(_not_of_an_earlier_loop)

    def run(*arguments: str, variables: Mapping[str, str] = MappingProxyType({})) -> tuple[int, str, str]:
        for name in os.environ:
            if name.startswith("TRANSLATE_SVC_"):
                monkeypatch.delenv(name)
        for name, value in environment(variables).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["translate-svc", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, error = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, output, error.replace(NOTICE, "")

    yield run
    logging.getLogger("asyncio").removeFilter(_not_of_an_earlier_loop)
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A server with the starter checkpoint, for all tests of this worker: its address."""
    with served() as address:
        yield address
