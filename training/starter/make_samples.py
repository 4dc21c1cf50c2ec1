"""The sample clips of tests/data/: held-out sentences in held-out voices, with what is said in them and when.

`python -m training.starter.make_samples` writes small FLAC files and clips.json. All gaps hold faint noise,
as any microphone gives, never digital silence.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from training.starter import noise
from training.starter.grammar import Grammar, Language, Pair
from training.starter.synth import SAMPLE_RATE, Word, synthesize
from training.starter.voices import Voice, is_held_out

_FLOOR_DBFS = -72.0
_EDGE_S = 0.4


@dataclass(frozen=True, slots=True)
class Clip:
    """`sentences` are English, whatever is spoken: they name the pair. `pause_s` lies between them.

    Without sentences it is `seconds` of floor, or of `noise_kind` at `noise_dbfs`.
    """

    name: str
    voice: Voice | None = None
    sentences: tuple[str, ...] = ()
    pause_s: float = 0.0
    noise_kind: str = ""
    snr_db: float = 0.0
    noise_dbfs: float = 0.0
    seconds: float = 0.0


def _eng(name: str, rate_wpm: int = 150, pitch: int = 50) -> Voice:
    return Voice("eng", name, rate_wpm, pitch, 50)


def _spa(name: str, rate_wpm: int = 150, pitch: int = 50) -> Voice:
    return Voice("spa", name, rate_wpm, pitch, 50)


CLIPS: tuple[Clip, ...] = (
    Clip("eng_1", _eng("en-us+m4"), ("The airport is across from the park.",)),
    Clip("eng_2", _eng("en-gb-x-gbclan+f2", 170), ("We will meet at the library at six o'clock.",)),
    Clip("eng_3", _eng("flite:slt"), ("Do you have this jacket in green?",)),
    Clip("spa_1", _spa("es+f3"), ("My daughter needs a new watch.",)),
    Clip("spa_2", _spa("es-419+m2", 165), ("The bus from Seville is fifty minutes late.",)),
    Clip("eng_two", _eng("en-gb-x-rp+Andy"), ("She has a cough.", "She is going to go home today."), 0.2),
    Clip("spa_two", _spa("es-419+f1"), ("My wife likes bread.", "A sandwich and a tea, please."), 0.2),
    Clip(
        "eng_three",
        _eng("en-us+f3", 165),
        (
            "I am going to the hospital on Monday.",
            "My husband cannot walk on Saturday.",
            "We have to eat today.",
        ),
        0.25,
    ),
    Clip("eng_noise", _eng("en-gb-scotland+pablo"), ("My wife lives near the pharmacy.",), 0.0, "pink", 12.0),
    Clip("spa_noise", _spa("es+m4"), ("The meeting is today at twenty past six.",), 0.0, "band", 12.0),
    Clip("silence", seconds=3.0),
    Clip("noise", noise_kind="clicks", noise_dbfs=-26.0, seconds=3.0),
    Clip(
        "demo_eng",
        _eng("en-us+Michael", 155),
        ("My name is Carlos and I am from Rome.", "The train to Barcelona leaves at a quarter past six."),
        1.1,
    ),
    Clip(
        "demo_spa",
        _spa("es-419+pablo", 155),
        ("I want to buy a skirt for my wife.", "The restaurant opens at half past ten."),
        1.1,
    ),
)


def render(clip: Clip, pairs: Mapping[str, Pair]) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Samples and the clip's entry of clips.json. Raises ValueError when anything in it was trained on."""
    rng = np.random.default_rng(list(clip.name.encode()))
    entry: dict[str, Any] = {"file": f"{clip.name}.flac", "source_language": None, "target_language": None}
    if clip.voice is None:
        count = int(clip.seconds * SAMPLE_RATE)
        samples = _noise(clip.noise_kind, count, clip.noise_dbfs, rng) if clip.noise_kind else np.zeros(count)
        entry |= {"voice": None, "transcript": "", "translation": "", "sentences": []}
        return _with_floor(samples, rng), entry
    language: Language = "eng" if clip.voice.language == "eng" else "spa"
    target: Language = "spa" if language == "eng" else "eng"
    if not is_held_out(clip.voice):
        raise ValueError(f"{clip.name}: voice: {clip.voice.name} is a training voice")
    if unknown := [text for text in clip.sentences if text not in pairs or not pairs[text].held_out]:
        raise ValueError(f"{clip.name}: sentences: not held out: {unknown}")
    chosen = [pairs[text] for text in clip.sentences]
    samples, sentences = _speak([pair.text[language] for pair in chosen], clip)
    for sentence, pair in zip(sentences, chosen, strict=True):
        sentence["translation"] = pair.text[target]
    if clip.noise_kind:
        level_dbfs = 10 * np.log10(np.mean(samples[np.abs(samples) > 1e-3] ** 2)) - clip.snr_db
        samples = samples + _noise(clip.noise_kind, len(samples), float(level_dbfs), rng)
        entry["snr_db"] = clip.snr_db
    entry |= {
        "source_language": language,
        "target_language": target,
        "voice": clip.voice.name,
        "transcript": " ".join(pair.text[language] for pair in chosen),
        "translation": " ".join(pair.text[target] for pair in chosen),
        "sentences": sentences,
    }
    return _with_floor(samples, rng), entry


def _speak(texts: Sequence[str], clip: Clip) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """The sentences with pauses; where each begins and ends, and its words where the synthesizer tells."""
    assert clip.voice is not None
    pieces: list[NDArray[np.float32]] = [np.zeros(int(_EDGE_S * SAMPLE_RATE), np.float32)]
    sentences: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        if index:
            pieces.append(np.zeros(int(clip.pause_s * SAMPLE_RATE), np.float32))
        speech = synthesize(text, clip.voice)
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
    folder: Path = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    pairs = {pair.text["eng"]: pair for pair in Grammar.load().all_pairs()}
    entries = []
    for clip in CLIPS:
        samples, entry = render(clip, pairs)
        soundfile.write(folder / entry["file"], samples, SAMPLE_RATE, subtype="PCM_16")
        entries.append(entry)
    content = {"sample_rate_hz": SAMPLE_RATE, "licence": "Apache-2.0", "clips": entries}
    (folder / "clips.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
