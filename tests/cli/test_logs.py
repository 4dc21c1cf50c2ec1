"""The form of the log's lines, and that no message of an exception is in them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import threading

import pytest

from translate_svc.cli.logs import (
    JsonFormatter,
    LogfmtFormatter,
    LogWriter,
    TextFormatter,
    configure_logs,
    log_loop_error,
)

SECRET = "what the caller said"


def _record(message: str = "stream ended", **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("translate_svc.stream", logging.INFO, __file__, 1, message, None, None)
    record.__dict__.update(extra)
    return record


def test_json_holds_the_fields_of_a_record() -> None:
    line = JsonFormatter().format(_record(fields={"caller": "acme", "bytes_out": 7}))
    entry = json.loads(line)
    assert list(entry) == ["time", "level", "logger", "message", "caller", "bytes_out"]
    assert (entry["message"], entry["caller"], entry["bytes_out"]) == ("stream ended", "acme", 7)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("acme", "acme"),
        (7, "7"),
        (0.25, "0.25"),
        ("", '""'),
        ("two words", '"two words"'),
        ('quo"te', r'"quo\"te"'),
        ("a=b", '"a=b"'),
        ("line\nbreak", r'"line\nbreak"'),
        ("back\\slash", r'"back\\slash"'),
    ],
)
def test_logfmt_quotes_what_would_break_a_pair(value: object, written: str) -> None:
    line = LogfmtFormatter().format(_record(fields={"key": value}))
    assert line.endswith(f'message="stream ended" key={written}')
    assert "\n" not in line


def test_people_read_time_message_and_fields_and_the_level_of_what_is_wrong() -> None:
    plain = TextFormatter(colored=False)
    record = _record(fields={"caller": "acme", "reason": "two words"})
    record.created = 0.0
    moment, _, rest = plain.format(record).partition(" ")
    assert re.fullmatch(r"\d\d:\d\d:\d\d", moment)
    assert rest == 'stream ended  caller=acme  reason="two words"'
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    assert plain.format(record).partition(" ")[2].startswith("warning: stream ended  caller")
    assert "\x1b[33mwarning: \x1b[0m" in TextFormatter(colored=True).format(record)
    steering = plain.format(_record("a\x1b[2Jb\nc"))
    assert steering.endswith(r" a\x1b[2Jb\nc"), "no log moves the cursor of a terminal"


class _Screen(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("log_format", "terminal", "begins"),
    [
        ("auto", True, r"\x1b\[2m\d\d:\d\d:\d\d"),
        ("auto", False, r'\{"time": '),
        ("json", True, r'\{"time": '),
        ("logfmt", True, "time="),
        ("text", False, r"\d\d:\d\d:\d\d error: it failed"),
    ],
)
def test_on_a_terminal_logs_are_for_people_unless_another_form_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, log_format: str, terminal: bool, begins: str
) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], logging.getLogger("translate_svc").level
    screen = _Screen(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    # pytest's own handlers stay open: configure_logs closes those that it replaces
    root.handlers[:] = []
    try:
        configure_logs("info", log_format)
        logging.getLogger("translate_svc.stream").error("it failed")
    finally:
        root.handlers[:] = before
        logging.getLogger("translate_svc").setLevel(level)
    assert re.match(begins, screen.getvalue()), screen.getvalue()


@pytest.mark.parametrize("formatter", [JsonFormatter(), LogfmtFormatter(), TextFormatter(colored=True)])
def test_of_an_exception_its_type_and_place_are_told(formatter: logging.Formatter) -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ValueError(SECRET) from error
    except ValueError:
        line = formatter.format(_record("it failed", exc_info=sys.exc_info()))
    assert SECRET not in line
    assert "builtins.ValueError" in line
    assert "builtins.KeyError" in line
    assert "test_logs.py" in line
    assert "\n" not in line or isinstance(formatter, TextFormatter)


async def test_a_task_that_nobody_awaited_is_logged_without_its_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_loop_error)

    def callback(text: str) -> None:
        raise ValueError(text)

    loop.call_soon(callback, SECRET)
    lost = loop.create_future()
    lost.set_exception(ValueError(SECRET))
    del lost
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert not [line for line in lines if SECRET in line]
    assert all("builtins.ValueError" in line for line in lines)
    assert any("Exception in callback" in line for line in lines)
    assert any("never retrieved" in line for line in lines)


class _Stuck(io.StringIO):
    """A pipe that nobody reads, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.going = threading.Event()

    def write(self, text: str) -> int:
        self.going.wait()
        return super().write(text)


def test_a_log_that_nobody_reads_stops_nobody_and_tells_what_it_dropped() -> None:
    stream = _Stuck()
    writer = LogWriter(stream, max_lines=10)
    writer.setFormatter(LogfmtFormatter())
    for number in range(1_000):  # would wait forever if it waited
        writer.handle(_record(f"line {number}"))
    stream.going.set()
    writer.flush()
    writer.handle(_record("the next one"))
    writer.flush()
    lines = stream.getvalue().splitlines()
    written = [line for line in lines if 'message="line' in line]
    assert 10 <= len(written) <= 12
    dropped = [int(count) for count in re.findall(r"(\d+) log lines were dropped", stream.getvalue())]
    assert sum(dropped) + len(written) == 1_000
    assert "the next one" in lines[-1]


def test_lines_keep_their_order_and_are_all_written_at_the_end() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    writer.setFormatter(LogfmtFormatter())
    for number in range(500):
        writer.handle(_record(f"line{number}"))
    writer.flush()
    assert [line.rpartition("=")[2] for line in stream.getvalue().splitlines()] == [
        f"line{number}" for number in range(500)
    ]


async def test_a_server_whose_log_nobody_reads_goes_on() -> None:
    """Its stderr is a pipe, which is read only when it has logged 2 MB."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import logging, sys\n"
        "from translate_svc.cli.logs import configure_logs\n"
        "configure_logs('debug', 'json', waits=False)\n"
        "for number in range(20_000): logging.getLogger('translate_svc').info('x' * 100)\n"
        "print('went on', flush=True)\n"
        "import os; os._exit(0)\n",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1024,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"went on\n"
        await process.communicate()
