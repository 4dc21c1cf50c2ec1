"""Users of the starter are told what it is: one line, from its card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.process import NOTICE, STARTER, run, serving
from translate_svc.client import AsyncClient


def test_the_line_says_what_the_starter_is_and_fits_two_rows_of_a_terminal() -> None:
    for part in ("phrasebook", "synthetic voices", "not for real talk", "translate-svc models"):
        assert part in NOTICE
    assert len(NOTICE) <= 160


@pytest.mark.parametrize("place", ["here", "at a server"])
async def test_every_command_that_translates_says_it(server: str, place: str) -> None:
    where = ("--model", STARTER) if place == "here" else ("--server", server)
    code, output, error = await run("say", "Good morning.", "--from", "en", "--to", "es", *where)
    assert (code, output, error) == (0, "Buenos días.\n", NOTICE)


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
