"""``languages``, ``top``, ``--version`` and shell completion."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import pty
import re
import select
import shutil
import signal
import sys
from contextlib import aclosing
from dataclasses import fields, replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.conftest import Command
from tests.cli.process import STARTER, environment, start
from tests.rpc.scripted_session import ScriptedService
from translate_svc.cli.commands.serve import serve
from translate_svc.cli.commands.top import Reading, rates_between, readings
from translate_svc.cli.main import app
from translate_svc.config import Settings
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import ModelInfo, ServerInfo, ServerLimits, ServerLoad


def test_the_version_and_the_commands(command: Command) -> None:
    assert command("--version") == (0, metadata.version("translate-svc") + "\n", "")
    code, output, _ = command()
    assert code == 2
    for name in ("serve", "translate", "say", "live", "languages", "top", "demo"):
        assert f" {name} " in output


@pytest.mark.parametrize(
    "name", ["serve", "translate", "say", "live", "languages", "pull", "selftest", "doctor", "demo"]
)
def test_help_breaks_its_lines_where_the_terminal_ends(command: Command, name: str) -> None:
    code, output, _ = command(name, "-h", variables={"COLUMNS": "80"})
    assert code == 0
    text = output.partition("Options:")[0].partition("Arguments:")[0]
    for above, below in pairwise(line.strip() for line in text.splitlines()):
        if above and below and not below.startswith(("translate-svc ", "ffmpeg ", "TRANSLATE_SVC_PORT")):
            assert len(f"{above} {below.split()[0]}") > 76, above


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("translate", "--server"),
            "Option '--server' requires an argument. See translate-svc translate --help",
        ),
        (("say", "--tow"), "No such option: --tow (Possible options: --to). See translate-svc say --help"),
        (("--verzion",), "No such option: --verzion (Possible options: --version). See translate-svc --help"),
        (("trnslate",), "No such command 'trnslate'. Did you mean 'translate'? See translate-svc --help"),
    ],
)
def test_wrong_usage_names_the_help_of_the_command(
    command: Command, arguments: tuple[str, ...], said: str
) -> None:
    assert command(*arguments) == (2, "", f"translate-svc: {said}\n")


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("name", ["serve", "translate", "batch"])
def test_help_cuts_no_flag_and_no_word(command: Command, name: str, columns: int) -> None:
    group: Any = typer.main.get_command(app)
    output = command(name, "-h", variables={"COLUMNS": str(columns)})[1]
    said = set(re.split(r"[\s-]+", output))
    for parameter in group.commands[name].params:
        assert all(flag in output for flag in parameter.opts if flag.startswith("--"))
        for word in re.split(r"[\s-]+", getattr(parameter, "help", "") or ""):
            assert not word or len(word) > 20 or word in said, word
    # examples stand as they are, and a flag is never cut
    own = ("translate-svc", "ffmpeg", "TRANSLATE_SVC", "--")
    assert all(len(line) <= columns for line in output.splitlines() if not line.strip().startswith(own))


def test_every_setting_has_its_flag() -> None:
    assert set(inspect.signature(serve).parameters) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(
    ("name", "flags", "help_text"),
    [
        ("max_streams", ["--max-streams"], "Live streams at once. Default: 32."),
        (
            "vad_threshold",
            ["--vad-threshold"],
            "Probability from which a frame counts as speech. Default: 0.5.",
        ),
        ("api_keys", ["--api-keys"], "Refuse callers without a key; see `keys new`."),
        ("insecure", ["--insecure"], "Serve plaintext on an address that is not loopback."),
        ("admin", ["--admin", "--no-admin"], "Serve metrics and probes over HTTP. Default: on."),
    ],
)
def test_a_flag_is_what_the_field_of_the_settings_says(name: str, flags: list[str], help_text: str) -> None:
    group: Any = typer.main.get_command(app)
    (parameter,) = [each for each in group.commands["serve"].params if each.name == name]
    assert parameter.opts + parameter.secondary_opts == flags
    assert (parameter.default, parameter.help) == (None, help_text)


def test_languages_are_those_of_the_checkpoint_here_and_at_a_server(command: Command, server: str) -> None:
    code, output, _ = command("languages", "--model", STARTER)
    assert code == 0
    head, *rows = (line.split() for line in output.splitlines())
    assert " ".join(head) == "code BCP-47 name speech in text speech out told by sound voices"
    assert rows == [
        ["deu", "de", "German", "yes", "yes", "yes", "93%", "0", "1"],
        ["eng", "en", "English", "yes", "yes", "yes", "93%", "0", "1"],
        ["fra", "fr", "French", "yes", "yes", "yes", "93%", "0", "1"],
        ["spa", "es", "Spanish", "yes", "yes", "yes", "93%", "0", "1"],
    ]
    assert command("languages", "--server", server)[1] == output
    listed = [json.loads(line) for line in command("languages", "--model", STARTER, "--json")[1].splitlines()]
    assert [language["code"] for language in listed] == ["deu", "eng", "fra", "spa"]
    assert listed[1]["speaker_ids"] == [0, 1]
    assert json.loads(command("languages", "--server", server, "--json")[1].splitlines()[1]) == listed[1]


def test_languages_of_a_model_without_its_weights_are_refused(command: Command, tmp_path: Path) -> None:
    """As ``say`` refuses it: a download that was cut off is no model."""
    folder = tmp_path / "half"
    shutil.copytree(STARTER, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    code, output, error = command("languages", "--model", str(folder))
    said = "translate-svc: model.safetensors: is missing (weights must be safetensors)\n"
    assert (code, output, error) == (1, "", said)


async def test_languages_are_read_without_the_model_s_libraries() -> None:
    blocked = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'transformers', 'onnxruntime', 'av')));"
        "sys.argv[0] = 'translate-svc'; from translate_svc.cli.main import main; main()"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", blocked, "languages", "--model", STARTER, "--json"),
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
    )
    output, _ = await process.communicate()
    assert (process.returncode, len(output.splitlines())) == (0, 4)


def test_rates_are_what_happened_in_a_second_of_the_server_s_clock() -> None:
    before = ServerLoad(uptime_ms=10_000, steps=100, text_tokens=50, source_ms=1_000, speech_ms=500)
    now = ServerLoad(uptime_ms=12_000, steps=300, text_tokens=51, source_ms=8_000, speech_ms=3_500)
    rates = rates_between(before, now)
    assert rates is not None
    assert (rates.steps, rates.text_tokens, rates.real_time_factor, rates.speech_s) == (100, 0.5, 3.5, 1.5)
    assert rates_between(now, now) is None
    assert rates_between(now, before) is None, "restarted"
    assert rates_between(now, replace(before, uptime_ms=20_000)) is None, "restarted a while ago"


@pytest.mark.parametrize(
    ("capacity", "said"), [(3, "of 3 that it keeps up with, 4 at most"), (4, "of 4"), (0, "of 4")]
)
def test_top_says_how_many_streams_the_server_takes(capacity: int, said: str) -> None:
    """What is refused is what the engine does not keep up with. A server of before does not tell it."""
    info = ServerInfo("1.2.3", ModelInfo("scripted", "r1", "Apache-2.0"), ServerLimits(max_streams=4))
    load = ServerLoad(live_streams=2, stream_capacity=capacity)
    table = Reading("here", replace(info, load=load), None).table()
    assert [list(column.cells)[2] for column in table.columns] == ["streams", "2", said]


async def test_top_outlives_its_server() -> None:
    async with RpcServer(ScriptedService(), RpcOptions(address="127.0.0.1:0")) as first:
        address = first.target
        states = readings(address, interval_s=0.05)
        async with aclosing(states):
            assert (await anext(states)).info is not None
            await first.stop(0)
            async with asyncio.timeout(60):
                while (await anext(states)).info is not None:
                    pass
                async with RpcServer(ScriptedService(), RpcOptions(address=address)):
                    while (reading := await anext(states)).info is None:
                        assert reading.rates is None
                        assert reading.line() == f"{address}: not reachable"
                    assert reading.info.version == "1.2.3"


def test_top_shows_one_reading_for_people_and_for_programs(command: Command, server: str) -> None:
    arguments = ("top", "--server", server, "--once", "--interval", "0.2")
    code, output, error = command(*arguments)
    assert (code, error) == (0, "")
    labels = [line.split("  ")[0] for line in output.splitlines()]
    assert labels[1:5] == ["up", "streams", "waiting", "slots"]
    row = json.loads(command(*arguments, "--json")[1])
    assert row["reachable"] is True
    assert row["model"]["name"] == "starter"
    assert row["load"]["slots"] == 16
    assert set(row["rates"]) == {"steps", "text_tokens", "real_time_factor", "speech_s"}
    code, _, error = command("top", "--server", "127.0.0.1:1", "--once", "--interval", "0.1")
    assert (code, error) == (3, "translate-svc: 127.0.0.1:1: not reachable\n")


async def test_top_tells_once_that_nobody_is_there() -> None:
    process = await start("top", "--server", "127.0.0.1:1", "--interval", "0.1")
    assert process.stdout is not None
    assert await process.stdout.readline() == b"127.0.0.1:1: not reachable\n"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    await process.communicate()


async def test_top_shows_readings_on_a_terminal_that_cannot_draw() -> None:
    """As a serial console, or a shell inside an editor."""
    terminal, output = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translate_svc", "top", "--server", "127.0.0.1:1", "--interval", "0.1"),
        stdout=output,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(output)
    try:
        shown, _, _ = await asyncio.to_thread(select.select, [terminal], [], [], 60)
        assert shown
        assert os.read(terminal, 4_096).strip() == b"127.0.0.1:1: not reachable"
    finally:
        process.send_signal(signal.SIGINT)
        await process.communicate()
        os.close(terminal)


async def test_top_ends_with_its_reader_though_it_has_nothing_to_say() -> None:
    reading, writing = os.pipe()
    arguments = ("top", "--server", "127.0.0.1:1", "--interval", "0.1", "--json")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "translate_svc", *arguments),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    assert b'"reachable": false' in await asyncio.to_thread(os.read, reading, 4_096)
    os.close(reading)
    async with asyncio.timeout(60):
        _, error = await process.communicate()
    assert (process.returncode, error) == (1, b"")


async def test_an_output_that_is_closed_is_an_error() -> None:
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f"{sys.executable} -m translate_svc languages --model {STARTER} >&-"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await process.communicate()
    assert (process.returncode, error) == (1, b"translate-svc: standard output is closed\n")


def test_top_takes_the_server_of_the_environment(command: Command, server: str) -> None:
    arguments = ("top", "--once", "--interval", "0.2", "--json")
    code, output, _ = command(*arguments, variables={"TRANSLATE_SVC_SERVER": server})
    assert (code, json.loads(output)["server"]) == (0, server)
    assert command(*arguments) == (2, "", "translate-svc: --server: is needed\n")
    code, _, error = command(*arguments, "--server", f"{server},{server}")
    assert (code, error) == (2, "translate-svc: --server: must be one server: its load is shown\n")


async def test_ctrl_c_is_how_top_ends(server: str) -> None:
    process = await start("top", "--server", server, "--interval", "0.1")
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"streams ")
    process.send_signal(signal.SIGINT)
    _, error = await process.communicate()
    assert (process.returncode, error) == (0, b"")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("translate-svc tra", ["translate"]),
        ("translate-svc translate a.wav --subt", ["--subtitles", "--subtitles-in"]),
        ("translate-svc translate a.wav --to span", ["spanish"]),
        ("translate-svc translate a.wav --to eng,ger", ["eng,german"]),
        ("translate-svc live --from en", ["eng"]),
        ("translate-svc serve --model star", ["starter"]),
        ("translate-svc languages --model model_cache/st", ["model_cache/starter"]),
    ],
)
def test_the_shell_completes_commands_options_languages_and_models(
    command: Command, typed: str, offered: list[str]
) -> None:
    variables = {
        "_TRANSLATE_SVC_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    code, output, _ = command(variables=variables)
    assert (code, output.split()) == (0, offered)
