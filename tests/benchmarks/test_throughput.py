"""The benchmark compares like with like: both sides end each text where they are told to."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from benchmarks.throughput.engine import Engine
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import Utterance
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
