"""Examples on disk: files of at most 15 MB, so that they can travel to a machine without a synthesizer.

Features are kept as 8-bit integers with a scale for each example and mel bin (of both halves of a stacked
frame alike). Rounding adds an error about 40 dB below the features, whose variance is 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.starter.examples.batching import MEL_BINS, Example


def write(path: Path, examples: Sequence[Example]) -> None:
    """Writes all or nothing."""
    texts = [_texts_of(example) for example in examples]
    codes, scales = zip(*(_quantized(example.features) for example in examples), strict=True)
    temporary = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("wb") as file:
        np.savez(
            file,
            codes=np.concatenate(codes),
            scales=np.stack(scales),
            frame_counts=np.array([len(example.features) for example in examples]),
            texts=np.frombuffer(json.dumps(texts).encode(), np.uint8),
        )
    temporary.replace(path)


def read(path: Path) -> list[Example]:
    with np.load(path) as data:
        codes, scales, counts = data["codes"], data["scales"], data["frame_counts"]
        texts = json.loads(data["texts"].tobytes())
    starts = np.cumsum(counts) - counts
    return [
        Example(features=_restored(codes[start : start + count], scale), **row)
        for row, scale, start, count in zip(texts, scales, starts, counts, strict=True)
    ]


def _texts_of(example: Example) -> dict[str, Any]:
    """All but the features."""
    texts = {name: dict(getattr(example, name)) for name in ("texts", "prefixes", "rests")}
    return {"language": example.language, "spoken": example.spoken, **texts}


def _quantized(features: NDArray[np.float16]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    mel = features.reshape(-1, MEL_BINS).astype(np.float32)
    scale = np.maximum(np.abs(mel).max(axis=0), np.float32(1e-6)) / 127
    return np.round(mel / scale).astype(np.int8).reshape(features.shape), scale


def _restored(codes: NDArray[np.int8], scale: NDArray[np.float32]) -> NDArray[np.float16]:
    mel = codes.reshape(-1, MEL_BINS) * scale
    return mel.astype(np.float16).reshape(codes.shape)
