"""What ``make fuzz`` runs: targets take their seeds and what mutations make of them, and find defects."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fuzz.targets import NAMES, Target, servicer
from tests.cli.process import ROOT
from translate_svc import wire

_MUTATIONS = 60


@pytest.fixture(autouse=True)
def _own_house(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a service of its own, which it may break."""
    houses: list[servicer._House] = []
    monkeypatch.setattr(servicer, "_houses", houses)
    yield
    monkeypatch.undo()
    for house in houses:
        house.close()


def _mutated(seed: bytes, choose: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(choose.randint(1, 8)):
        place = choose.randrange(len(data) + 1)
        match choose.randrange(3):
            case 0:
                data[place:place] = choose.randbytes(choose.randint(1, 8))
            case 1:
                del data[place : place + choose.randint(1, 16)]
            case _:
                data[place : place + 1] = choose.randbytes(1)
    return bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_and_what_comes_near_them_hold_no_defect(name: str) -> None:
    target, choose = Target.load(name), random.Random(17)
    assert len(target.seeds) >= 3
    for seed in target.seeds:
        target.run(seed)
    for _ in range(_MUTATIONS):
        target.run(_mutated(choose.choice(target.seeds), choose))
    target.run(b"")


def test_what_is_no_error_of_the_contract_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("a defect")

    monkeypatch.setattr(wire, "decode_request", broken)
    with pytest.raises(AssertionError, match="INTERNAL"):
        servicer.run(next(servicer.seeds()))


def test_a_campaign_says_how_many_inputs_it_ran(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="the extra `fuzz` is not installed")
    ended = subprocess.run(
        [sys.executable, "-m", "fuzz", "--minutes", "0.03", "wire"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.endswith(" inputs in all; findings: 0\n")
    assert int(ended.stdout.split()[1].replace(",", "")) > 100
