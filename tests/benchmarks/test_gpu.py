"""The command for GPUs runs where there is none, and can find that ours is not exact."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import transformers

from benchmarks.gpu import bench, parts
from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import Utterance

pytestmark = pytest.mark.timeout(600)  # half a minute of one quiet core


def tiny_config() -> transformers.SeamlessM4Tv2Config:
    """The published vocabularies, one layer of everything."""
    layers = {
        f"{part}layers": 1
        for part in ("speech_encoder_", "encoder_", "decoder_", "t2u_encoder_", "t2u_decoder_")
    }
    heads = {
        f"{part}attention_heads": 2
        for part in ("speech_encoder_", "encoder_", "decoder_", "t2u_encoder_", "t2u_decoder_")
    }
    inner = {f"{part}ffn_dim": 64 for part in ("encoder_", "decoder_", "t2u_encoder_", "t2u_decoder_")}
    return transformers.SeamlessM4Tv2Config(
        hidden_size=32,
        speech_encoder_intermediate_size=64,
        t2u_variance_predictor_embed_dim=32,
        t2u_variance_predictor_hidden_dim=16,
        unit_embed_dim=32,
        lang_embed_dim=8,
        spkr_embed_dim=8,
        upsample_initial_channel=32,
        **layers,
        **heads,
        **inner,
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bench.Bench:
    size = bench.Size(tiny_config, torch.float32, slots=4, static_batches=(2,), live_streams=1, live_s=1.0)
    bench_of_one = bench.Bench(tmp_path_factory.mktemp("gpu"), size, "cpu")
    bench_of_one.__dict__["exact_checkpoint"] = bench_of_one.checkpoint
    return bench_of_one


def test_ours_is_exact_and_a_difference_would_be_seen(
    tiny: bench.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_EXACT_UTTERANCES", 3)
    assert parts.exactness(tiny) == {
        "alone, equal to generate": 3,
        "in company, equal to generate": 3,
        "utterances": 3,
        "exact": True,
    }
    run = Peer.run

    def one_token_off(
        self: Peer, utterances: Sequence[Utterance], *, speech: bool, batch: int
    ) -> list[Outcome]:
        first, *others = run(self, utterances, speech=speech, batch=batch)
        return [Outcome((first.token_ids[0] + 1, *first.token_ids[1:]), first.speech_samples), *others]

    monkeypatch.setattr(Peer, "run", one_token_off)
    assert parts.exactness(tiny)["exact"] is False


def test_stages_and_steps_are_timed(tiny: bench.Bench) -> None:
    figures = parts.stages(tiny)
    assert figures["utterances"] == 4
    assert all(figures[f"{name}, ms"] > 0 for name in ("encode", "decode", "text_to_unit", "vocode"))
    figures = parts.step(tiny)
    assert figures["steps"] > 0, "there are steps with a row for every slot"
    assert figures["median, ms"] > 0
    assert figures["without graphs, median, ms"] > 0
