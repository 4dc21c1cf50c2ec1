"""Users of the starter are told what it is: one line, from its card, once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.process import NOTICE, STARTER, run, serving
from translate_svc.cli.backends.local_backend import LocalBackend
from translate_svc.cli.backends.notice import show_notice
from translate_svc.client import AsyncClient
from translate_svc.types import ModelInfo


def test_the_line_says_what_the_starter_is_and_fits_two_rows_of_a_terminal() -> None:
    for part in ("phrasebook", "synthetic voices", "not for real talk", "translate-svc models"):
        assert part in NOTICE
    assert len(NOTICE) <= 160


@pytest.mark.parametrize("place", ["here", "at a server"])
async def test_the_first_command_that_translates_says_it(server: str, place: str, tmp_path: Path) -> None:
    where = ("--model", STARTER) if place == "here" else ("--server", server)
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    for said in (NOTICE, ""):
        ended = await run("say", "Good morning.", "--from", "en", "--to", "es", *where, variables=state)
        assert ended == (0, "Buenos días.\n", said)


class _Model(LocalBackend):
    """A model of which only the notice is asked for."""

    def __init__(self, name: str, notice: str) -> None:
        self._told = ModelInfo(name, notice=notice)

    async def model(self) -> ModelInfo:
        return self._told


async def test_another_model_or_notice_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    told = ("one", "for children"), ("two", "for children"), ("two", "for nobody; ask why")
    for name, notice in (*told, *told):
        await show_notice(_Model(name, notice))
    said = [
        f"translate-svc: {name}: {notice.partition(';')[0]} (more: translate-svc models)"
        for name, notice in told
    ]
    assert capsys.readouterr().err.splitlines() == said


async def test_where_nothing_can_be_noted_it_is_told_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container whose file system is read-only."""
    (tmp_path / "translate-svc").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for _ in range(2):
        await show_notice(_Model("one", "for children"))
    assert len(capsys.readouterr().err.splitlines()) == 2


async def test_a_server_logs_it_and_tells_its_clients() -> None:
    async with serving() as (process, address), AsyncClient(address) as client:
        notice = (await client.info()).model.notice
        assert "translate-svc pull facebook/seamless" in notice
        process.terminate()
        _, error = await process.communicate()
    messages = [json.loads(line)["message"] for line in error.decode().splitlines() if line.startswith("{")]
    assert f"starter: {notice}" in messages


def test_models_shows_it(command: Command) -> None:
    code, output, _ = command("models")
    assert code == 0
    assert "translate-svc pull facebook/seamless" in " ".join(output.split())


def test_a_model_without_a_notice_says_nothing(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "silent"
    shutil.copytree(STARTER, folder)
    card = folder / "README.md"
    card.write_text(
        "\n".join(line for line in card.read_text().splitlines() if not line.startswith("notice:"))
    )
    assert command("languages", "--model", str(folder))[2] == ""
    listed = json.loads(command("models", "--model-cache", str(tmp_path), "--json")[1])
    assert {each["name"]: bool(each["notice"]) for each in listed} == {"silent": False, "starter": True}
