"""The form of the log's lines, and that no message of an exception is in them."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

import pytest

from translate_svc.cli.logs import JsonFormatter, LogfmtFormatter, log_loop_error

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


@pytest.mark.parametrize("formatter", [JsonFormatter(), LogfmtFormatter()])
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
    assert "\n" not in line


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
