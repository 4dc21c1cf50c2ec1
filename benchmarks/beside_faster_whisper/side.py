"""One run of one side, in a process of its own: ``python -m benchmarks.beside_faster_whisper.side``.

Prints a line of JSON: seconds of the processor for each workload, the tokens that were written, and the peak
of resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.beside_faster_whisper.workload import Work, stream_steps, utterances

Write = Callable[[Sequence[Work]], list[list[int]]]
"""Writes the texts of some works, which are there at once."""


def main() -> None:
    """Loads, warms up, and times both workloads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", choices=("ours", "theirs"), required=True)
    parser.add_argument("--precision", choices=("float32", "int8"), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=16)
    asked = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    torch.set_num_threads(threads)
    if asked.side == "ours":
        together = alone = _ours(asked.folder, asked.precision)
    else:
        together, alone = _theirs(asked.folder, asked.precision, threads, asked.batch)
    batch, steps = utterances(), stream_steps()
    together(batch[:2])
    alone(steps[0][:1])
    batch_s, texts = _timed(lambda: together(batch))
    streams_s, _ = _timed(lambda: [alone(step) for step in steps])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump({"batch_s": batch_s, "streams_s": streams_s, "texts": texts, "peak_bytes": peak}, sys.stdout)


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor, of all threads: what other programs take meanwhile is no part of it."""
    started = time.process_time()
    made = run()
    return time.process_time() - started, made


def _ours(folder: Path, precision: str) -> Write:
    from translate_svc.engine.core import EngineCore
    from translate_svc.engine.events import RequestFinished, TokenDecoded
    from translate_svc.engine.options import EngineLimits
    from translate_svc.engine.request import Request
    from translate_svc.engine.runner.model_runner import ModelRunner
    from translate_svc.engine.scheduling.scheduler import Scheduler
    from translate_svc.engine.sequence_spec import SequenceSpec
    from translate_svc.engine.text.constraints import masks_of
    from translate_svc.models.placement import Placement
    from translate_svc.models.precision import PRECISIONS
    from translate_svc.models.registry import open_checkpoint

    family = open_checkpoint(folder)
    limits = EngineLimits(max_slots=16)
    tokenizer = family.tokenizer()
    runner = ModelRunner(
        family.load(limits.model_limits, Placement("cpu", PRECISIONS[precision])),
        limits.model_limits,
        masks=masks_of(tokenizer, family.vocabulary_size),
        suppressed=tokenizer.text_rules.suppressed,
    )
    core = EngineCore(Scheduler(limits, tokenizer), runner)

    def write(works: Sequence[Work]) -> list[list[int]]:
        spec = SequenceSpec("eng", source_language="eng")
        for index, work in enumerate(works):
            core.scheduler.add(Request(str(index), work.samples, (spec,)))
        texts: list[list[int]] = [[] for _ in works]
        left = len(works)
        while left:
            for event in core.step():
                if isinstance(event, TokenDecoded):
                    index = int(event.request_id)
                    texts[index].append(event.token_id)
                    if len(texts[index]) == works[index].tokens:
                        core.scheduler.abort(event.request_id)
                        left -= 1
                assert not isinstance(event, RequestFinished), "no text ends by itself"
        return texts

    return write


def _theirs(folder: Path, precision: str, threads: int, batch: int) -> tuple[Write, Write]:
    import numpy as np
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type=precision, cpu_threads=threads)
    pipeline = BatchedInferencePipeline(model)
    greedy = {"language": "en", "beam_size": 1, "temperature": [0.0], "without_timestamps": True}
    unguarded = dict.fromkeys(("compression_ratio_threshold", "log_prob_threshold", "no_speech_threshold"))

    def together(works: Sequence[Work]) -> list[list[int]]:
        ends = np.cumsum([len(work.samples) for work in works])
        places = [
            {"start": (end - len(work.samples)) / 16_000, "end": end / 16_000}
            for work, end in zip(works, ends, strict=True)
        ]
        segments, _ = pipeline.transcribe(
            np.concatenate([work.samples for work in works]),
            batch_size=batch,
            vad_filter=False,
            clip_timestamps=places,
            max_new_tokens=_their_limit(works[0].tokens),
            **greedy,
            **unguarded,
        )
        return [list(segment.tokens) for segment in segments]

    def alone(works: Sequence[Work]) -> list[list[int]]:
        texts = []
        for work in works:
            segments, _ = model.transcribe(
                work.samples,
                max_new_tokens=_their_limit(work.tokens),
                condition_on_previous_text=False,
                **greedy,
                **unguarded,
            )
            texts.append([token for segment in segments for token in segment.tokens])
        return texts

    return together, alone


def _their_limit(tokens: int) -> int:
    """CTranslate2 writes half of ``max_length``, which is this and the prompt of three."""
    return 2 * tokens - 3


if __name__ == "__main__":
    main()
