"""How much faster than real time the service's vocoder is on one thread."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.figures import Figures, VocoderFigures
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.precision import FLOAT32
from translate_svc.models.seamless.vocoder.vocoder import Vocoder, Voice
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_UNIT_COUNTS = (60, 100, 150, 225, 300)  # 1.2 to 6 s
_ROUNDS = 5
_UNUSED_UNITS = 2  # the vocoder's pad id is among them


@torch.inference_mode()
def measure_vocoder(model: Path) -> Figures:
    """In float32, an utterance at a time; the median of rounds over answers of usual lengths.

    It takes as long for any units, so that these are random ones.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return Figures(vocoder=(VocoderFigures(_times_real_time(model)),))
    finally:
        torch.set_num_threads(threads)


def _times_real_time(model: Path) -> float:
    checkpoint = Checkpoint.open(model)
    with torch.device("meta"):
        vocoder = Vocoder(checkpoint.config)
    checkpoint.load(vocoder, "vocoder.", device=torch.device("cpu"), precision=FLOAT32)
    rng = np.random.default_rng(0)
    used = range(_UNUSED_UNITS, checkpoint.config.unit_hifi_gan_vocab_size)
    answers = [torch.from_numpy(rng.integers(used.start, used.stop, count)[None]) for count in _UNIT_COUNTS]
    times_s = []
    for _ in range(1 + _ROUNDS):
        started_s = time.perf_counter()
        sample_count = sum(vocoder(units, [Voice(0, 0)]).shape[-1] for units in answers)
        times_s.append(time.perf_counter() - started_s)
    return float(sample_count / INTERNAL_SAMPLE_RATE_HZ / np.median(times_s[1:]))
