"""The command for GPUs runs where there is none, and can find that ours is not exact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import bench, parts
from benchmarks.throughput.outcome import Outcome
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.utterance import Utterance
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches, stale_capturer
from translate_svc.engine.runner import model_runner
from translate_svc.models.graphs.cuda_graphs import GraphCapturer

pytestmark = pytest.mark.timeout(600)  # half a minute of one quiet core


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bench.Bench:
    return bench.Bench(tmp_path_factory.mktemp("gpu"), bench.SIZES["small"], "cpu")


@pytest.mark.slow
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


@pytest.mark.parametrize(
    "capturer", [FakeGraphCapturer(), pytest.param(stale_capturer, marks=pytest.mark.slow)]
)
def test_a_stage_without_any_graph_fails_the_command(
    capturer: GraphCapturer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: capturer)
    limit_captured_batches(monkeypatch)
    result = tmp_path / "gpu.json"
    arguments = ["gpu", "--size", "small", "--device", "cpu", "--part", "graphs", "--result", str(result)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        command.main()
    figures = json.loads(result.read_text())["graphs"]
    whole = capturer is not stale_capturer
    assert (figures["complete"], ended.value.code) == (whole, int(not whole))
    for stage in ("encode", "decode", "text_to_unit", "vocode"):
        counts = figures[f"{stage}, captured"], figures[f"{stage}, refused"]
        assert counts[0 if whole else 1] > 0
        assert counts[1 if whole else 0] == 0


@pytest.mark.slow
def test_stages_and_steps_are_timed(tiny: bench.Bench) -> None:
    figures = parts.stages(tiny)
    assert figures["utterances"] == 4
    assert all(figures[f"{name}, ms"] > 0 for name in ("encode", "decode", "text_to_unit", "vocode"))
    figures = parts.step(tiny)
    assert figures["steps"] > 0, "there are steps with a row for every slot"
    assert figures["median, ms"] > 0
    assert figures["without graphs, median, ms"] > 0
