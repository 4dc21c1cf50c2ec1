"""The sample clips of tests/data/: held-out sentences in held-out voices, with their words and times.

`python -m training.starter.make_samples` writes small FLAC files and clips.json. All gaps hold faint noise,
as any microphone gives, never digital silence. A clip's sentences are drawn by its name and `draw`: another
`draw` gives others. Where tests compare every letter, `draw` is one that the shipped checkpoint hears
rightly: these clips show that nothing is lost on the way, not how good the checkpoint is. The demo's must be
right while they are spoken, too (tests/quality/test_samples.py).

Some of espeak-ng's variants never sound the same twice, so `--clips demo_spa,demo_deu` writes these alone
anew. Run tests/quality afterwards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from training.starter.grammar import LANGUAGES, Grammar, Language, Sampler, Sentence
from training.starter.sounds import noise
from training.starter.synthesis.synth import SAMPLE_RATE, Word, synthesize
from training.starter.synthesis.voices import Voice, is_held_out

_FLOOR_DBFS = -72.0
_EDGE_S = 0.4


_WORDS = range(4, 10)
"""Of a clip's sentence in the language it is spoken in."""


@dataclass(frozen=True, slots=True)
class Clip:
    """`sentence_count` sentences `pause_s` apart, spoken in the first language of `direction`.

    Without a direction it is `seconds` of floor, or of `noise_kind` at `noise_dbfs`.
    """

    name: str
    direction: tuple[Language, Language] | None = None
    voice_name: str = ""
    rate_wpm: int = 150
    sentence_count: int = 1
    pause_s: float = 0.0
    noise_kind: str = ""
    snr_db: float = 0.0
    noise_dbfs: float = 0.0
    seconds: float = 0.0
    draw: int = 0


CLIPS: tuple[Clip, ...] = (
    Clip("eng_1", ("eng", "spa"), "en-us+m4", draw=7),
    Clip("eng_2", ("eng", "fra"), "en-gb-x-gbclan+f2", 170),
    Clip("eng_3", ("eng", "deu"), "flite:slt"),
    Clip("spa_1", ("spa", "eng"), "es+f3", draw=1),
    Clip("spa_2", ("spa", "deu"), "es-419+m2", 165),
    Clip("fra_1", ("fra", "eng"), "fr+m4"),
    Clip("fra_2", ("fra", "spa"), "fr+linda", 165),
    Clip("deu_1", ("deu", "eng"), "de+f3"),
    Clip("deu_2", ("deu", "fra"), "de+Andy", 165, draw=2),
    Clip("eng_two", ("eng", "spa"), "en-gb-x-rp+Andy", 150, 2, 0.2, draw=12),
    Clip("spa_two", ("spa", "eng"), "es-419+f1", 150, 2, 0.2, draw=9),
    Clip("fra_two", ("fra", "deu"), "fr+pablo", 150, 2, 0.2, draw=1),
    Clip("deu_two", ("deu", "spa"), "de+Michael", 150, 2, 0.2, draw=1),
    Clip("eng_three", ("eng", "spa"), "en-us+f3", 165, 3, 0.25, draw=10),
    Clip("eng_noise", ("eng", "spa"), "en-gb-scotland+pablo", noise_kind="pink", snr_db=12.0),
    Clip("spa_noise", ("spa", "eng"), "es+m4", noise_kind="band", snr_db=12.0),
    Clip("fra_noise", ("fra", "eng"), "fr+f3", noise_kind="band", snr_db=12.0),
    Clip("deu_noise", ("deu", "eng"), "de+m4", noise_kind="pink", snr_db=12.0),
    Clip("silence", seconds=3.0),
    Clip("noise", noise_kind="clicks", noise_dbfs=-26.0, seconds=3.0),
    Clip("demo_eng", ("eng", "spa"), "en-us+Michael", 155, 2, 1.1, draw=38),
    Clip("demo_spa", ("spa", "eng"), "es-419+pablo", 155, 2, 1.1, draw=24),
    Clip("demo_fra", ("fra", "deu"), "fr+linda", 155, 2, 1.1, draw=16),
    Clip("demo_deu", ("deu", "fra"), "de+Lee", 155, 2, 1.1, draw=23),
)


def choose(clip: Clip, language: Language, sampler: Sampler) -> list[Sentence]:
    """The clip's sentences, of a length in words within _WORDS."""
    rng = np.random.default_rng([clip.draw, *clip.name.encode()])
    chosen: list[Sentence] = []
    while len(chosen) < clip.sentence_count:
        sentence = sampler.draw(rng)
        if len(sentence.text[language].split()) in _WORDS and sentence not in chosen:
            chosen.append(sentence)
    return chosen


def render(clip: Clip, sampler: Sampler) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Samples and the clip's entry of clips.json. Raises ValueError for a voice that was trained on."""
    rng = np.random.default_rng(list(clip.name.encode()))
    entry: dict[str, Any] = {"file": f"{clip.name}.flac", "source_language": None, "target_language": None}
    if clip.direction is None:
        count = int(clip.seconds * SAMPLE_RATE)
        samples = _noise(clip.noise_kind, count, clip.noise_dbfs, rng) if clip.noise_kind else np.zeros(count)
        entry |= {
            "voice": None,
            "transcript": "",
            "translation": "",
            "texts": dict.fromkeys(LANGUAGES, ""),
            "sentences": [],
        }
        return _with_floor(samples, rng), entry
    language, target = clip.direction
    voice = Voice(language, clip.voice_name, clip.rate_wpm)
    if not is_held_out(voice):
        raise ValueError(f"{clip.name}: voice_name: {clip.voice_name} is a training voice")
    chosen = choose(clip, language, sampler)
    samples, sentences = _speak([sentence.text[language] for sentence in chosen], voice, clip.pause_s)
    for spoken, sentence in zip(sentences, chosen, strict=True):
        spoken["translation"] = sentence.text[target]
    texts = {each: " ".join(sentence.text[each] for sentence in chosen) for each in LANGUAGES}
    if clip.noise_kind:
        level_dbfs = 10 * np.log10(np.mean(samples[np.abs(samples) > 1e-3] ** 2)) - clip.snr_db
        samples = samples + _noise(clip.noise_kind, len(samples), float(level_dbfs), rng)
        entry["snr_db"] = clip.snr_db
    entry |= {
        "source_language": language,
        "target_language": target,
        "voice": clip.voice_name,
        "transcript": texts[language],
        "translation": texts[target],
        "texts": texts,
        "sentences": sentences,
    }
    return _with_floor(samples, rng), entry


def _speak(
    texts: Sequence[str], voice: Voice, pause_s: float
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """The sentences with pauses; where each begins and ends, and its words where the synthesizer tells."""
    pieces: list[NDArray[np.float32]] = [np.zeros(int(_EDGE_S * SAMPLE_RATE), np.float32)]
    sentences: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        if index:
            pieces.append(np.zeros(int(pause_s * SAMPLE_RATE), np.float32))
        speech = synthesize(text, voice)
        start = sum(map(len, pieces))
        pieces.append(speech.samples)
        sentences.append(
            {
                "transcript": text,
                "start_ms": _ms(start),
                "end_ms": _ms(start + len(speech.samples)),
                "words": [_word(word, start) for word in speech.words],
            }
        )
    pieces.append(np.zeros(int(_EDGE_S * SAMPLE_RATE), np.float32))
    return np.concatenate(pieces), sentences


def _word(word: Word, offset_samples: int) -> dict[str, Any]:
    start, end = offset_samples + word.start_sample, offset_samples + word.end_sample
    return {"text": word.text, "start_ms": _ms(start), "end_ms": _ms(end)}


def _ms(samples: int) -> int:
    return round(samples * 1000 / SAMPLE_RATE)


def _noise(kind: str, count: int, dbfs: float, rng: np.random.Generator) -> NDArray[np.float32]:
    return noise.make(kind, count, rng) * np.float32(10 ** (dbfs / 20))


def _with_floor(samples: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    return np.asarray(samples + _noise("white", len(samples), _FLOOR_DBFS, rng), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("tests/data"))
    parser.add_argument("--clips", type=lambda names: names.split(","), help="names; all without it")
    arguments = parser.parse_args()
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "clips.json"
    kept = {} if arguments.clips is None else {entry["file"]: entry for entry in _entries(listing)}
    sampler = Grammar.load().sampler("combination")
    entries = []
    for clip in CLIPS:
        if arguments.clips is not None and clip.name not in arguments.clips:
            entries.append(kept[f"{clip.name}.flac"])
            continue
        samples, entry = render(clip, sampler)
        soundfile.write(folder / entry["file"], samples, SAMPLE_RATE, subtype="PCM_16")
        entries.append(entry)
    content = {"sample_rate_hz": SAMPLE_RATE, "licence": "Apache-2.0", "clips": entries}
    listing.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _entries(listing: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(listing.read_text("utf-8"))["clips"]
    return entries


if __name__ == "__main__":
    main()
