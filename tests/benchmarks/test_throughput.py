"""The benchmark compares like with like: both sides end each text where they are told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from benchmarks.throughput.engine import Engine
from benchmarks.throughput.measure import compare
from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import Utterance
from benchmarks.throughput.utterances import forced_utterances
from tests.checkpoints import EOS, tones
from tests.tiny_checkpoint import build_tiny_checkpoint

LENGTHS = (3, 11, 6, 8)


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, with a ``</s>`` that is never predicted."""
    folder = build_tiny_checkpoint(tmp_path_factory.mktemp("endless") / "tiny")
    tensors = load_file(folder / "model.safetensors")
    tensors["shared.weight"][EOS] = 0.0
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_forced_lengths_hold_on_both_sides_in_any_batch(endless: Path) -> None:
    utterances = [Utterance(tone, "eng", length) for tone, length in zip(tones(4), LENGTHS, strict=True)]
    engine, peer = Engine(endless, slots=3), Peer(endless)
    ours = engine.run(utterances, speech=False)
    assert tuple(len(each.token_ids) for each in ours) == LENGTHS
    assert peer.run(utterances, speech=False, batch=1) == ours
    batched = peer.run(utterances, speech=False, batch=4)
    assert tuple(len(each.token_ids) for each in batched) == LENGTHS


def test_speech_is_as_long_as_the_peers(endless: Path) -> None:
    utterances = [Utterance(tones(4)[3], "spa", 9)]
    (ours,), (theirs,) = (
        Engine(endless).run(utterances, speech=True),
        Peer(endless).run(utterances, speech=True, batch=1),
    )
    assert ours.token_ids == theirs.token_ids
    assert ours.speech_samples > 0
    assert ours.speech_samples % 320 == theirs.speech_samples % 320 == 0


def test_sides_take_turns_and_losing_static_batches_leave() -> None:
    order: list[str] = []

    def run(name: str) -> list[Outcome]:
        order.append(name)
        return [Outcome((1, 2), 320)]

    compared = compare(
        lambda: run("ours"), lambda size: run(f"peer {size}"), static_batches=(2, 4, 8), rounds=2
    )
    assert order[:5] == ["ours", "peer 1", "peer 2", "peer 4", "peer 8"]
    assert order[5:7] == ["ours", "peer 1"]
    assert len(order) == 9
    assert compared.equal == compared.utterances == 1


def test_forced_utterances_span_the_stated_lengths() -> None:
    utterances = forced_utterances(8)
    seconds = sorted(each.seconds for each in utterances)
    assert (round(seconds[0], 1), round(seconds[-1], 1)) == (1.5, 15.0)
    assert all(each.forced_tokens == round(each.seconds * 4) for each in utterances)
