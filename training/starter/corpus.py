"""The training corpus: utterances as the segmenter will cut them, kept as features in shards on disk.

`python -m training.starter.corpus --shards 56` writes build/starter/shards/*.npz; shards that exist are kept,
so a run resumes, and several processes may share the work (`--worker 1/2`). A shard's content depends on its
number alone. `--easy` writes single sentences without silence and noise to easy_shards/: the first minutes
of training go several times faster on them. The held-out part (other sentences, other voices, other random
noise) goes to build/starter/held_out/.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.starter import noise
from training.starter.batching import Example, other_language
from training.starter.conditions import quantize, without_speech, worsen
from training.starter.grammar import LANGUAGES, Grammar, Language, PairSampler
from training.starter.synth import SAMPLE_RATE, SynthesisError, synthesize
from training.starter.voices import TARGET_VOICES, Voice, draw_voice
from translate_svc.models.features import FeatureExtractor

_EXTRACTOR = FeatureExtractor()

SHARD_EXAMPLES = 800
MAX_SPEECH_S = 13.0

_KIND_SHARES = {"one": 0.61, "several": 0.31, "empty": 0.08}
_FLITE_SHARE = 0.06
_TARGET_VOICE_SHARE = 0.05
_PAUSE_S = (0.15, 0.9)
_HELD_OUT_COUNTS = {"one": 320, "several": 160, "silence": 80, "noise": 160}
_QUICK_COUNTS = {"one": 100, "several": 40, "silence": 20, "noise": 40}
_FOLDERS = {False: "shards", True: "easy_shards"}
_HELD_OUT_SEED = 900_000


@dataclass(frozen=True, slots=True)
class TextPair:
    """One to three sentences of `language` and their translation."""

    language: Language
    source_sentences: tuple[str, ...]
    target_text: str

    @property
    def source_text(self) -> str:
        return " ".join(self.source_sentences)


class TextSource:
    """Draws source texts and their translations from one part of the grammar."""

    def __init__(self, grammar: Grammar, *, held_out: bool) -> None:
        self._sampler: PairSampler = grammar.sampler(held_out=held_out)
        self.held_out = held_out

    def draw(self, rng: np.random.Generator, sentences: int, language: Language) -> TextPair:
        pairs = [self._sampler.draw(rng) for _ in range(sentences)]
        target = other_language(language)
        source_sentences = tuple(pair.text[language] for pair in pairs)
        return TextPair(language, source_sentences, " ".join(pair.text[target] for pair in pairs))  # type: ignore[index]

    def draw_pair(self, rng: np.random.Generator) -> TextPair:
        """A text of either language, one sentence in two thirds of the cases."""
        sentences = int(rng.choice([1, 2, 3], p=[0.67, 0.23, 0.1]))
        return self.draw(rng, sentences, LANGUAGES[int(rng.integers(2))])


# Audio ----------------------------------------------------------------------------------------------------


def speak(
    sentences: Sequence[str], voice: Voice, rng: np.random.Generator, *, easy: bool = False
) -> NDArray[np.float32]:
    """The sentences one after another with pauses between them, and silence before and after."""
    pieces: list[NDArray[np.float32]] = [_silence(0.0 if easy else _edge_s(rng, 0.4))]
    for index, sentence in enumerate(sentences):
        if index:
            pieces.append(_silence(float(rng.uniform(*_PAUSE_S))))
        pieces.append(synthesize(sentence, voice).samples)
    return np.concatenate([*pieces, _silence(0.0 if easy else _edge_s(rng, 0.7))])


def _edge_s(rng: np.random.Generator, usual_s: float) -> float:
    return float(rng.uniform(0, usual_s) if rng.random() < 0.75 else rng.uniform(0, 1.5))


def _silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


# Examples and shards --------------------------------------------------------------------------------------


def make_example(source: TextSource, kind: str, rng: np.random.Generator) -> Example:
    """An example of `kind`: easy, one, several, empty (either of the next two), silence, noise."""
    language = LANGUAGES[int(rng.integers(2))]
    if kind in ("empty", "silence", "noise"):
        silent = kind == "silence" or (kind == "empty" and rng.random() < 0.25)
        return Example(language, "", "", _features(without_speech("silence" if silent else "noise", rng)))
    while True:
        text = source.draw(
            rng, 1 if kind in ("one", "easy") else int(rng.choice([2, 3], p=[0.65, 0.35])), language
        )
        voice = draw_voice(language, rng, held_out=source.held_out, flite_share=_FLITE_SHARE)
        if not source.held_out and rng.random() < _TARGET_VOICE_SHARE:
            voice = TARGET_VOICES[language]  # monotone, unlike the drawn ones
        try:
            samples = speak(text.source_sentences, voice, rng, easy=kind == "easy")
        except SynthesisError:
            continue
        if kind == "easy":
            samples = quantize(
                samples + noise.white(len(samples), rng) * np.float32(10 ** (-rng.uniform(40, 80) / 20))
            )
            return Example(language, text.source_text, text.target_text, _features(samples))
        if len(samples) <= MAX_SPEECH_S * SAMPLE_RATE + 2 * SAMPLE_RATE:
            return Example(language, text.source_text, text.target_text, _features(worsen(samples, rng)))


def _features(samples: NDArray[np.float32]) -> NDArray[np.float16]:
    features, _ = _EXTRACTOR([samples])
    return np.asarray(features[0].numpy(), np.float16)


def write_shard(path: Path, examples: Sequence[Example]) -> None:
    texts = [(example.language, example.source_text, example.target_text) for example in examples]
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(
            file,
            features=np.concatenate([example.features for example in examples]),
            frame_counts=np.array([len(example.features) for example in examples]),
            texts=np.frombuffer(json.dumps(texts).encode(), np.uint8),
        )
    temporary.replace(path)


def read_shard(path: Path) -> list[Example]:
    with np.load(path) as data:
        features, counts, texts = data["features"], data["frame_counts"], json.loads(data["texts"].tobytes())
    ends = np.cumsum(counts)
    return [
        Example(language, source_text, target_text, features[end - count : end])
        for (language, source_text, target_text), end, count in zip(texts, ends, counts, strict=True)
    ]


def shard_paths(work: Path, *, easy: bool = False) -> list[Path]:
    return sorted((work / _FOLDERS[easy]).glob("*.npz"))


def build_shard(source: TextSource, index: int, *, easy: bool = False) -> list[Example]:
    rng = np.random.default_rng([7, index, easy])
    if easy:
        return [make_example(source, "easy", rng) for _ in range(SHARD_EXAMPLES)]
    kinds = rng.choice(list(_KIND_SHARES), size=SHARD_EXAMPLES, p=list(_KIND_SHARES.values()))
    return [make_example(source, str(kind), rng) for kind in kinds]


def build_held_out(work: Path, grammar: Grammar) -> None:
    source = TextSource(grammar, held_out=True)
    for kind, count in _HELD_OUT_COUNTS.items():
        path = work / "held_out" / f"{kind}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([_HELD_OUT_SEED, list(_HELD_OUT_COUNTS).index(kind)])
            write_shard(path, [make_example(source, kind, rng) for _ in range(count)])


def held_out_sets(work: Path, *, quick: bool) -> dict[str, list[Example]]:
    """The held-out examples by kind, or the first few of each when `quick`."""
    sets = {kind: read_shard(work / "held_out" / f"{kind}.npz") for kind in _HELD_OUT_COUNTS}
    return {kind: examples[: _QUICK_COUNTS[kind]] for kind, examples in sets.items()} if quick else sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--shards", type=int, default=50)
    parser.add_argument("--easy", action="store_true", help="short clean single sentences, to begin with")
    parser.add_argument("--worker", default="0/1", help="i/n: build the shards whose number is i modulo n")
    arguments = parser.parse_args()
    worker, workers = map(int, arguments.worker.split("/"))
    grammar = Grammar.load()
    if worker == 0:
        build_held_out(arguments.work, grammar)
    source = TextSource(grammar, held_out=False)
    for index in range(worker, arguments.shards, workers):
        path = arguments.work / _FOLDERS[arguments.easy] / f"{index:04d}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_shard(path, build_shard(source, index, easy=arguments.easy))
            print(path, flush=True)


if __name__ == "__main__":
    main()
