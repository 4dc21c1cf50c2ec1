"""Is the vocoder's speech understood? `python -m training.starter.evaluate_vocoder`

Held-out sentences in the target voices are cut into units and synthesised again, and the finished speech
encoder transcribes both the original and the copy. What the copy loses is the loss of units and vocoder
together, free of what text-to-unit gets wrong. Also measures how many times faster than real time
the service's vocoder is on one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import jiwer
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from transformers import SeamlessM4Tv2Model
from transformers.models.seamless_m4t_v2.modeling_seamless_m4t_v2 import SeamlessM4Tv2CodeHifiGan

from training.starter.corpus import features_of
from training.starter.evaluate_text import translate_speech
from training.starter.examples.batching import NO_TEXTS, Example
from training.starter.grammar import LANGUAGES
from training.starter.model_config import starter_config
from training.starter.sounds import noise
from training.starter.synthesis.synth import SAMPLE_RATE
from training.starter.synthesis.target_speech import TargetSpeech
from training.starter.synthesis.voices import SPEAKER_IDS
from training.starter.tokenizer import StarterTokenizer
from training.starter.train_vocoder import Utterance, judge, utter
from training.starter.units import UnitCodebook
from translate_svc.models.config import ModelConfig
from translate_svc.models.packed_linear import prepare
from translate_svc.models.vocoder.vocoder import Vocoder, Voice

_FLOOR_DBFS, _EDGE_SAMPLES = -66.0, SAMPLE_RATE // 4


def draw_speech(codebook: UnitCodebook, count: int, seed: int = 31) -> tuple[list[Utterance], list[str]]:
    """`count` held-out utterances of each voice and what they say."""
    speech, rng = TargetSpeech("combination"), np.random.default_rng(seed)
    texts = [
        speech.draw(rng, language)[1] for language in LANGUAGES for _ in SPEAKER_IDS for _ in range(count)
    ]
    voices = [voice for voice in product(LANGUAGES, SPEAKER_IDS) for _ in range(count)]
    return [utter(text, *voice, codebook) for text, voice in zip(texts, voices, strict=True)], texts


def word_error_rates(
    model: SeamlessM4Tv2Model,
    tokenizer: StarterTokenizer,
    waveforms: Sequence[NDArray[np.float32]],
    utterances: Sequence[Utterance],
    texts: Sequence[str],
) -> dict[str, float]:
    """Per voice, of the model's own transcripts of `waveforms`, each amid half a second of faint noise."""
    rng = np.random.default_rng(37)
    examples = []
    for waveform, utterance, text in zip(waveforms, utterances, texts, strict=True):
        padded = np.pad(waveform, _EDGE_SAMPLES)
        padded = padded + noise.make("white", len(padded), rng) * np.float32(10 ** (_FLOOR_DBFS / 20))
        features = features_of(padded)
        examples.append(Example(utterance.language, {**NO_TEXTS, utterance.language: text}, features))
    heard = translate_speech(model, tokenizer, examples, [[example.language] for example in examples])
    rates = {}
    for language, speaker_id in product(LANGUAGES, SPEAKER_IDS):
        rows = [
            row
            for row, utterance in enumerate(utterances)
            if (utterance.language, utterance.speaker_id) == (language, speaker_id)
        ]
        rates[f"{language}_{speaker_id}"] = float(
            jiwer.wer([texts[row] for row in rows], [heard[row][0] for row in rows])
        )
    return rates


def service_vocoder(trained: SeamlessM4Tv2CodeHifiGan) -> Vocoder:
    """`trained` as the service computes it."""
    config = ModelConfig.from_mapping(starter_config().to_dict(), path=Path("config.json"))
    vocoder = Vocoder(config).requires_grad_(False).eval()
    weights = trained.state_dict()
    vocoder.load_state_dict(
        {name: tensor for name, tensor in weights.items() if not name.startswith("dur_predictor.")}
    )
    prepare(vocoder)
    return vocoder


@torch.inference_mode()
def evaluate(work: Path, count: int) -> dict[str, float]:
    torch.manual_seed(0)
    model = SeamlessM4Tv2Model(starter_config()).eval()
    for name in ("text.safetensors", "vocoder.safetensors"):
        if (work / name).exists():
            model.load_state_dict(load_file(work / name), strict=False)
    utterances, texts = draw_speech(UnitCodebook.load(work / "units.npz"), count)
    vocoder = service_vocoder(model.vocoder)
    copies: list[NDArray[np.float32]] = []
    started = time.process_time()
    for item in utterances:
        voice = Voice(LANGUAGES.index(item.language), item.speaker_id)
        copies.append(vocoder(torch.from_numpy(item.units)[None], [voice])[0].numpy())
    spent_s = time.process_time() - started
    figures: dict[str, float] = {"times_real_time": sum(map(len, copies)) / SAMPLE_RATE / spent_s}
    if (work / "text.safetensors").exists():
        tokenizer = StarterTokenizer.load(work / "tokenizer")
        originals = [item.samples for item in utterances]
        for kind, waveforms in (("original", originals), ("copy", copies)):
            rates = word_error_rates(model, tokenizer, waveforms, utterances, texts)
            figures |= {f"{kind}_wer_{voice}": rate for voice, rate in rates.items()}
    return figures | judge(model.vocoder, utterances)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--count", type=int, default=50, help="utterances a voice")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps({name: round(figure, 4) for name, figure in evaluate(**vars(arguments)).items()}))


if __name__ == "__main__":
    main()
