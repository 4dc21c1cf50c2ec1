"""The training corpus: utterances as the segmenter will cut them, kept as features in shards on disk.

`python -m training.starter.corpus` writes build/starter/easy_shards/*.npz, clean single sentences with which
training begins and goes several times faster, and build/starter/shards/*.npz, every kind of example. Shards
that exist are kept, so a run resumes, and several processes may share the work (`--worker 1/2`). A shard's
content depends on its number alone. The held-out sets (other sentences, other voices, other random noise) go
to build/starter/held_out/.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from training.starter.examples import free_speech, shards
from training.starter.examples.batching import NO_TEXTS, Example
from training.starter.examples.continuous import draw_half, draw_window
from training.starter.examples.texts import Text, TextSource, draw_key
from training.starter.grammar import LANGUAGES, Grammar, Language, Part
from training.starter.sounds import conditions, noise
from training.starter.synthesis.synth import SAMPLE_RATE, SynthesisError, missing_synthesizers, synthesize
from training.starter.synthesis.voices import OTHER_HELD_OUT_VOICES, TARGET_VOICES, Voice, draw_voice
from translate_svc.models.seamless.encoder.features import FeatureExtractor

_EXTRACTOR = FeatureExtractor()

SHARD_EXAMPLES = 320
MAX_UTTERANCE_S = 15.0

_KIND_SHARES = {
    "one": 0.25, "several": 0.22, "half": 0.08, "window": 0.13, "stock": 0.23, "free": 0.035,
    "speechless": 0.055,
}  # fmt: skip
_LANGUAGE_SHARES: Mapping[Language, float] = {"eng": 0.34, "spa": 0.22, "fra": 0.22, "deu": 0.22}
_SPEECHLESS_SHARES: Mapping[conditions.Speechless, float] = {
    "silence": 0.15, "noise": 0.3, "music": 0.15, "foreign": 0.4,
}  # fmt: skip
_TAPE_SHARE, _TAPE_SPEED = 0.35, (0.86, 1.17)
_SEVERAL_SHARES = {2: 0.5, 3: 0.3, 4: 0.2}
_STOCK_COUNT_SHARES = {1: 0.85, 2: 0.15}
# English alone has several: at 0.35 the starter misheard a tenth of the words of voices it was trained on.
_OTHER_SHARES: Mapping[Language, float] = {"eng": 0.55, "spa": 0.12, "fra": 0.12, "deu": 0.12}
_TARGET_VOICE_SHARE = 0.05
_PAUSE_S, _TRIES = (0.15, 0.9), 100
_FOLDERS = {False: "shards", True: "easy_shards"}
_HELD_OUT_SEED = 900_000


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """`count` examples of `kind`, of `languages` in turn; the first `quick_count` serve checkpoints."""

    kind: str
    part: Part
    count: int
    quick_count: int
    languages: tuple[Language, ...] = LANGUAGES


HELD_OUT_SETS: Mapping[str, HeldOutSet] = {
    "one": HeldOutSet("one", "combination", 320, 96),
    "template": HeldOutSet("one", "template", 160, 48),
    "stock": HeldOutSet("stock", "stock", 480, 96),
    "several": HeldOutSet("several", "combination", 160, 48),
    "noise10": HeldOutSet("noise10", "combination", 160, 24),
    "telephone": HeldOutSet("telephone", "combination", 160, 24),
    "synthesizer": HeldOutSet("synthesizer", "combination", 80, 16, ("eng",)),
    "silence": HeldOutSet("silence", "combination", 80, 8),
    "noise": HeldOutSet("noise", "combination", 160, 24),
    "music": HeldOutSet("music", "combination", 80, 16),
    "foreign": HeldOutSet("foreign", "combination", 80, 24),
    "half": HeldOutSet("half", "combination", 160, 48),
    "window": HeldOutSet("window", "combination", 160, 48),
    "free": HeldOutSet("free", "combination", 160, 32),
}


# Speech ---------------------------------------------------------------------------------------------------


def speak(
    sentences: Sequence[str], voice: Voice, rng: np.random.Generator, *, edges: bool = True
) -> NDArray[np.float32]:
    """The sentences with pauses between them, and with `edges` silence before and after."""
    pieces: list[NDArray[np.float32]] = [_silence(_edge_s(rng, 0.4) if edges else 0.0)]
    for index, sentence in enumerate(sentences):
        if index:
            pieces.append(_silence(float(rng.uniform(*_PAUSE_S))))
        pieces.append(synthesize(sentence, voice).samples)
    return np.concatenate([*pieces, _silence(_edge_s(rng, 0.7) if edges else 0.0)])


def _edge_s(rng: np.random.Generator, usual_s: float) -> float:
    return float(rng.uniform(0, usual_s) if rng.random() < 0.75 else rng.uniform(0, 1.5))


def _silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


# Examples and shards --------------------------------------------------------------------------------------


def make_example(source: TextSource, kind: str, language: Language, rng: np.random.Generator) -> Example:
    """An example of `kind`.

    With speech: easy, one, several, stock (phrases alone; all in random conditions but the first), noise10
    (10 dB), telephone, synthesizer (held out, not espeak-ng), half and window (pieces of continuous speech).
    With the right text empty: free (talk outside the phrasebook), a kind of `conditions.without_speech`, or
    speechless, any of those. Raises SynthesisError when no voice of many drawn can speak.
    """
    held_out = source.part != "train"
    if kind == "speechless":
        kind = draw_key(_SPEECHLESS_SHARES, rng)
    if kind in get_args(conditions.Speechless):
        samples = conditions.without_speech(kind, rng, held_out=held_out)  # type: ignore[arg-type]
        return Example(language, NO_TEXTS, features_of(samples))
    for _ in range(_TRIES):
        try:
            example = _spoken_example(source, kind, language, rng)
        except SynthesisError:
            continue
        if example is not None:
            return example
    raise SynthesisError(f"{kind}: no voice of {_TRIES} could speak; missing: {missing_synthesizers()}")


def _spoken_example(
    source: TextSource, kind: str, language: Language, rng: np.random.Generator
) -> Example | None:
    """None where the recording came out too long. Raises SynthesisError."""
    held_out, texts = source.part != "train", NO_TEXTS
    if kind in ("half", "window"):
        return _piece(source, kind, language, rng)
    if kind == "free":
        samples = _free_talk(language, rng, held_out=held_out)
    else:
        voice = _draw_voice(kind, language, rng, held_out=held_out)
        text = _draw_text(source, kind, language, rng)
        sentences = [sentence.text[language] for sentence in text.sentences]
        easy = kind == "easy"
        samples = synthesize(sentences[0], voice).samples if easy else speak(sentences, voice, rng)
        texts = text.texts()
    if len(samples) > MAX_UTTERANCE_S * SAMPLE_RATE:
        return None
    return Example(language, texts, features_of(_recorded(samples, kind, rng, held_out=held_out)))


def _draw_text(source: TextSource, kind: str, language: Language, rng: np.random.Generator) -> Text:
    if kind == "stock":
        return source.stock.draw(rng, draw_key(_STOCK_COUNT_SHARES, rng), language)
    return source.draw(rng, draw_key(_SEVERAL_SHARES, rng) if kind == "several" else 1, language)


def _piece(source: TextSource, kind: str, language: Language, rng: np.random.Generator) -> Example:
    """What one step of simultaneous translation hears, was given, and may write."""
    held_out = source.part != "train"
    voice = _draw_voice(kind, language, rng, held_out=held_out)
    recording = source.continuous.record(voice, language, rng)
    window = draw_half(recording, rng) if kind == "half" else draw_window(recording, rng)
    heard = _recorded(recording.samples, kind, rng, held_out=held_out)[
        window.start_sample : window.end_sample
    ]
    texts = window.texts
    return Example(language, texts.texts, features_of(heard), texts.prefixes, texts.rests, texts.spoken)


def _free_talk(language: Language, rng: np.random.Generator, *, held_out: bool) -> NDArray[np.float32]:
    """A person who talks outside the phrasebook, or several persons together."""
    takes = []
    for _ in range(free_speech.draw_talkers(rng)):
        text = free_speech.draw_text(language, rng, held_out=held_out)
        takes.append(speak([text], _draw_voice("free", language, rng, held_out=held_out), rng))
    return free_speech.at_once(takes)


def _draw_voice(kind: str, language: Language, rng: np.random.Generator, *, held_out: bool) -> Voice:
    if kind == "synthesizer":
        return Voice(language, str(rng.choice(OTHER_HELD_OUT_VOICES)), draw_voice(language, rng).rate_wpm)
    if not held_out and rng.random() < _TARGET_VOICE_SHARE:
        voices = TARGET_VOICES[language]  # monotone, unlike the drawn ones
        return voices[int(rng.integers(len(voices)))]
    other_share = 0.0 if held_out else _OTHER_SHARES[language]
    voice = draw_voice(language, rng, held_out=held_out, other_share=other_share)
    if held_out or rng.random() >= _TAPE_SHARE:
        return voice
    return replace(voice, tape_speed=float(rng.uniform(*_TAPE_SPEED)))


def _recorded(
    samples: NDArray[np.float32], kind: str, rng: np.random.Generator, *, held_out: bool
) -> NDArray[np.float32]:
    if kind in ("easy", "synthesizer"):
        faint = np.float32(10 ** (-rng.uniform(40, 80) / 20))
        return conditions.quantize(samples + noise.white(len(samples), rng) * faint)
    if kind == "noise10":
        return conditions.quantize(conditions.with_noise(samples, 10.0, rng))
    if kind == "telephone":
        return conditions.quantize(conditions.telephone(samples, rng))
    if held_out:
        return conditions.worsen(samples, rng)
    return conditions.send_on(conditions.worsen(conditions.in_a_crowd(samples, rng), rng), rng)


def features_of(samples: NDArray[np.float32]) -> NDArray[np.float16]:
    """(stacked frames, 160), as the service computes them."""
    features, _ = _EXTRACTOR([samples])
    return np.asarray(features[0].numpy(), np.float16)


def shard_paths(work: Path, *, easy: bool = False) -> list[Path]:
    return sorted((work / _FOLDERS[easy]).glob("*.npz"))


def build_shard(source: TextSource, index: int, *, easy: bool = False) -> list[Example]:
    rng = np.random.default_rng([7, index, easy])
    kinds = ["easy" if easy else draw_key(_KIND_SHARES, rng) for _ in range(SHARD_EXAMPLES)]
    return [make_example(source, kind, draw_key(_LANGUAGE_SHARES, rng), rng) for kind in kinds]


def _held_out_path(work: Path, name: str) -> Path:
    return work / "held_out" / f"{name}.npz"


def build_held_out(work: Path, grammar: Grammar) -> None:
    for number, (name, held_out) in enumerate(HELD_OUT_SETS.items()):
        path = _held_out_path(work, name)
        if not path.exists():
            source = TextSource(grammar, held_out.part)
            rng = np.random.default_rng([_HELD_OUT_SEED, number])
            languages = [held_out.languages[i % len(held_out.languages)] for i in range(held_out.count)]
            shards.write(path, [make_example(source, held_out.kind, each, rng) for each in languages])


def has_held_out_sets(work: Path) -> bool:
    """Whether all of them are there. They need synthesizers that a machine which only trains may lack."""
    return all(_held_out_path(work, name).exists() for name in HELD_OUT_SETS)


def held_out_sets(work: Path, *, quick: bool) -> dict[str, list[Example]]:
    """The held-out examples by the name of their set, or the first few of each when `quick`."""
    return {
        name: shards.read(_held_out_path(work, name))[: held_out.quick_count if quick else None]
        for name, held_out in HELD_OUT_SETS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--shards", type=int, default=275, help="of every kind of example")
    parser.add_argument("--easy-shards", type=int, default=60, help="of clean single sentences; first")
    parser.add_argument("--worker", default="0/1", help="i/n: build the shards whose number is i modulo n")
    arguments = parser.parse_args()
    worker, workers = map(int, arguments.worker.split("/"))
    grammar = Grammar.load()
    for name in missing_synthesizers():
        print(f"warning: {name} is not installed; the corpus goes without its voices", file=sys.stderr)
    if worker == 0:
        build_held_out(arguments.work, grammar)
    source = TextSource(grammar)
    for easy, count in ((True, arguments.easy_shards), (False, arguments.shards)):
        for index in range(worker, count, workers):
            path = arguments.work / _FOLDERS[easy] / f"{index:04d}.npz"
            if not path.exists():
                shards.write(path, build_shard(source, index, easy=easy))
                print(path, flush=True)


if __name__ == "__main__":
    main()
