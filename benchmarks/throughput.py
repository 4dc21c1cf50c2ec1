"""``make bench``: the engine against transformers' ``generate``: same clips, weights, dtype and threads.

Ours and the peer take turns in one process, so that a noisy machine hurts both; medians over the rounds. The
peer runs one by one, and in static batches of clips sorted by length. Writes
benchmarks/results/throughput.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor, SeamlessM4Tv2Model

from benchmarks.quality.clip import Clip, load_clips
from translate_svc.engine.core import EngineCore
from translate_svc.engine.model_runner import ModelRunner
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import FinishStatus, Request, RequestFinished, SequenceSpec, TextFinished
from translate_svc.engine.scheduler import Scheduler
from translate_svc.models.checkpoint import Checkpoint
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

_ROOT = Path(__file__).parents[1]
_STATIC_BATCHES = (2, 4, 8, 16)
_CREDIT_PIECES = 10_000


class Ours:
    """The engine without its thread: every clip is in the line before the first step."""

    def __init__(self, folder: Path, slots: int) -> None:
        checkpoint = Checkpoint.open(folder)
        limits = EngineLimits(
            max_slots=slots, max_waiting_requests=1_024, initial_credit_pieces=_CREDIT_PIECES
        )
        runner = ModelRunner(
            checkpoint,
            max_slots=limits.max_slots,
            max_source_samples=limits.max_source_samples,
            max_source_tokens=limits.max_source_tokens,
            max_tokens=limits.max_slot_tokens,
        )
        tokenizer = Tokenizer.from_pretrained(
            folder, config=checkpoint.config, languages=checkpoint.maps.text_languages
        )
        self._scheduler = Scheduler(limits, tokenizer)
        self._core = EngineCore(self._scheduler, runner)
        self._speakers = checkpoint.speakers

    def run(self, clips: Sequence[Clip], *, speech: bool) -> list[str]:
        """Translates all clips; texts in their order."""
        texts = [""] * len(clips)
        for index, clip in enumerate(clips):
            speaker = self._speakers[clip.target_language][0]
            spec = SequenceSpec(clip.target_language, speech=speech, speaker_id=speaker)
            self._scheduler.add(Request(str(index), clip.samples, (spec,)))
        while self._scheduler.has_work:
            for event in self._core.step():
                if isinstance(event, TextFinished):
                    texts[int(event.request_id)] = event.text
                elif isinstance(event, RequestFinished) and event.status is FinishStatus.FAILED:
                    raise RuntimeError(event.error)
        return texts


class Peer:
    """``SeamlessM4Tv2Model.generate``, greedy, as the published model cards call it."""

    def __init__(self, folder: Path) -> None:
        self._model: Any = SeamlessM4Tv2Model.from_pretrained(folder, dtype=torch.float32).eval()
        self._processor: Any = AutoProcessor.from_pretrained(folder)

    @torch.inference_mode()
    def run(self, clips: Sequence[Clip], *, speech: bool, batch: int) -> list[str]:
        """Translates all clips, ``batch`` of one target language at a time, sorted by length."""
        order = sorted(range(len(clips)), key=lambda i: (clips[i].target_language, len(clips[i].samples)))
        texts = [""] * len(clips)
        while order:
            language = clips[order[0]].target_language
            chosen = [index for index in order[:batch] if clips[index].target_language == language]
            del order[: len(chosen)]
            outputs = self._generate([clips[index].samples for index in chosen], language, speech)
            for index, text in zip(chosen, outputs, strict=True):
                texts[index] = text
        return texts

    def _generate(self, waveforms: list[Samples], language: str, speech: bool) -> list[str]:
        inputs = self._processor(
            audio=waveforms, sampling_rate=INTERNAL_SAMPLE_RATE_HZ, return_tensors="pt", padding=True
        )
        options: dict[str, Any] = {"tgt_lang": language, "generate_speech": speech, "do_sample": False}
        if speech:
            options |= {"return_intermediate_token_ids": True}
        output = self._model.generate(**inputs, **options)
        tokens = output.sequences if speech else output[0]
        return [text.strip() for text in self._processor.batch_decode(tokens, skip_special_tokens=True)]


def seconds(run: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Wall time of a run, and what it gave."""
    started = time.perf_counter()
    texts = run()
    return time.perf_counter() - started, texts


def compare(ours: Ours, peer: Peer, clips: Sequence[Clip], *, speech: bool, rounds: int) -> dict[str, Any]:
    """Medians of interleaved rounds, the ratios, and the share of equal texts."""
    runs: dict[str, Callable[[], list[str]]] = {
        "ours": lambda: ours.run(clips, speech=speech),
        "one_by_one": lambda: peer.run(clips, speech=speech, batch=1),
    }
    for size in _STATIC_BATCHES:
        runs[f"static_{size}"] = lambda size=size: peer.run(clips, speech=speech, batch=size)  # type: ignore[misc]
    times: dict[str, list[float]] = {name: [] for name in runs}
    texts: dict[str, list[str]] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            elapsed, texts[name] = seconds(run)
            times[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in times.items()}
    best_static = min(medians[f"static_{size}"] for size in _STATIC_BATCHES)
    equal = sum(a == b for a, b in zip(texts["ours"], texts["one_by_one"], strict=True))
    return {
        "seconds": {name: round(value, 3) for name, value in medians.items()},
        "ratio_one_by_one": round(medians["one_by_one"] / medians["ours"], 2),
        "ratio_static_batch": round(best_static / medians["ours"], 2),
        "texts_equal_to_one_by_one": f"{equal}/{len(clips)}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=_ROOT / "model_cache" / "starter")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = _ROOT / "tests" / "data" / "quality"
    clips = [*load_clips(folder, "several"), *load_clips(folder, "one")[::3]][: arguments.clips]
    ours, peer = Ours(arguments.model, arguments.slots), Peer(arguments.model)
    results: dict[str, Any] = {
        "checkpoint": arguments.model.name,
        "clips": len(clips),
        "audio_seconds": round(sum(len(clip.samples) for clip in clips) / INTERNAL_SAMPLE_RATE_HZ, 1),
        "slots": arguments.slots,
        "dtype": "float32",
        "threads": torch.get_num_threads(),
    }
    for kind, speech in (("text", False), ("speech", True)):
        results[kind] = compare(ours, peer, clips, speech=speech, rounds=arguments.rounds)
        print(kind, json.dumps(results[kind], indent=1), flush=True)
    path = _ROOT / "benchmarks" / "results" / "throughput.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
