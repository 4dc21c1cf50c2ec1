"""Is the vocoder's speech understood? `python -m training.starter.evaluate_vocoder`

Held-out sentences in the target voices are cut into units and synthesised again, and the finished speech
encoder transcribes both the original and the copy. What the copy loses is the loss of units and vocoder
together, free of what text-to-unit gets wrong. Also measures the time on one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import jiwer
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import SeamlessM4Tv2Model

from training.starter import noise
from training.starter.batching import Example
from training.starter.evaluate_text import translate_speech
from training.starter.grammar import LANGUAGES
from training.starter.model_config import starter_config
from training.starter.synth import SAMPLE_RATE
from training.starter.target_speech import TargetSpeech
from training.starter.tokenizer import LANGUAGE_CODES, StarterTokenizer
from training.starter.train_vocoder import Utterance, judge, synthesise
from training.starter.units import HOP_SAMPLES, UnitCodebook
from translate_svc.models.features import FeatureExtractor

_FLOOR_DBFS, _EDGE_SAMPLES = -66.0, SAMPLE_RATE // 4


def draw_speech(codebook: UnitCodebook, count: int, seed: int = 31) -> tuple[list[Utterance], list[str]]:
    """`count` held-out utterances of each language and what they say."""
    speech, rng = TargetSpeech(held_out=True), np.random.default_rng(seed)
    utterances, texts = [], []
    for language in LANGUAGES:
        for _ in range(count):
            _, text, spoken = speech.draw(rng, language)
            units = codebook.units_of(spoken.samples, language)
            utterances.append(Utterance(language, units, spoken.samples[: len(units) * HOP_SAMPLES]))
            texts.append(text)
    return utterances, texts


def word_error_rate(
    model: SeamlessM4Tv2Model,
    tokenizer: StarterTokenizer,
    waveforms: Sequence[NDArray[np.float32]],
    utterances: Sequence[Utterance],
    texts: Sequence[str],
) -> float:
    """Of the model's own transcripts of `waveforms`, each amid half a second of faint noise."""
    rng = np.random.default_rng(37)
    examples = []
    for waveform, utterance, text in zip(waveforms, utterances, texts, strict=True):
        padded = np.pad(waveform, _EDGE_SAMPLES)
        padded = padded + noise.make("white", len(padded), rng) * np.float32(10 ** (_FLOOR_DBFS / 20))
        features, _ = FeatureExtractor()([padded])
        examples.append(Example(utterance.language, text, text, features[0].numpy().astype(np.float16)))
    transcripts = translate_speech(model, tokenizer, examples, transcribe=True)
    return float(jiwer.wer(list(texts), transcripts))


@torch.inference_mode()
def evaluate(work: Path, count: int) -> dict[str, float]:
    torch.manual_seed(0)
    model = SeamlessM4Tv2Model(starter_config()).eval()
    for name in ("text.safetensors", "vocoder.safetensors"):
        model.load_state_dict(load_file(work / name), strict=False)
    tokenizer = StarterTokenizer.load(work / "tokenizer")
    utterances, texts = draw_speech(UnitCodebook.load(work / "units.npz"), count)
    copies: list[NDArray[np.float32]] = []
    started = time.process_time()
    for item in utterances:
        language = torch.tensor([LANGUAGE_CODES.index(item.language)])
        copies.append(synthesise(model.vocoder, torch.from_numpy(item.units)[None], language)[0].numpy())
    spent_s = time.process_time() - started
    spoken_s = sum(map(len, copies)) / SAMPLE_RATE
    figures: dict[str, float] = {"real_time_factor": spent_s / spoken_s}
    originals = [item.samples for item in utterances]
    for kind, waveforms in (("original", originals), ("copy", copies)):
        figures[f"{kind}_wer"] = word_error_rate(model, tokenizer, waveforms, utterances, texts)
    return figures | judge(model.vocoder, utterances)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--count", type=int, default=100, help="utterances a language")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(evaluate(arguments.work, arguments.count)))


if __name__ == "__main__":
    main()
