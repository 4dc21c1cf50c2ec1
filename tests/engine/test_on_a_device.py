"""The runner on an accelerator that is stood in for: whole batches, windows, copies there and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from safetensors import safe_open

from tests.checkpoints import Driver, Job, checkpoint_folder, utterances
from tests.engine.test_model_runner import assert_same
from tests.fakes.rehearsal import Rehearsal
from tests.fakes.standin import NAME, StandIn, stand_in
from translate_svc.engine import model_runner
from translate_svc.models import piece_vocoder, weights
from translate_svc.models.checkpoint import Checkpoint


def _read_to_host(*args: Any, **options: Any) -> Any:
    return safe_open(*args, **options | {"device": "cpu"})


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(weights, "safe_open", _read_to_host)
    with stand_in() as entered:
        yield entered


def jobs(name: str) -> list[Job]:
    speakers = Checkpoint.open(checkpoint_folder(name)).speakers
    return [
        Job(source, language, speakers[language][0], slot)
        for slot, source, language in zip(range(4), utterances(name), ("eng", "spa") * 2, strict=False)
    ]


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_all_in_one_batch_are_what_they_are_on_the_host(
    name: str, graphs: bool, device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_runner, "recorder_of", lambda _device: Rehearsal())
    monkeypatch.setattr(piece_vocoder, "_MAX_ROWS", 2)
    expected = Driver(name, device="cpu").translate(jobs(name))
    driver = Driver(name, slots=5, device=NAME, graphs=graphs)
    for made, on_host in zip(driver.translate(jobs(name)), expected, strict=True):
        assert_same(made, on_host)
