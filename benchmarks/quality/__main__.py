"""``make quality``: measure every set, write docs/quality.md and benchmarks/results/quality.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path

from benchmarks.quality.clip import save_clips
from benchmarks.quality.measure import EmptyFigures, SpeechFigures, measure_empty, measure_speech
from benchmarks.quality.report import markdown
from benchmarks.quality.sets import speech_set, speechless_set
from translate_svc.config import Settings
from translate_svc.service import Service

_ROOT = Path(__file__).parents[2]
_SUBSET_FOLDER = _ROOT / "tests" / "data" / "quality"


async def measure_all(model: str, count: int) -> tuple[list[SpeechFigures], list[EmptyFigures]]:
    """All figures with ``count`` single sentences a direction, the other sets in proportion."""
    some = max(1, count // 3)
    async with Service.start(Settings(model=model)) as service:
        speech = [
            *await measure_speech(service, "one sentence", speech_set("one", count), speech=True, text=True),
            *await measure_speech(service, "two or three sentences", speech_set("several", some), text=True),
            *await measure_speech(
                service, "two or three sentences, cut by the VAD", speech_set("several", some), manual=False
            ),
            *await measure_speech(service, "noise at 10 dB", speech_set("noisy", some)),
            *await measure_speech(service, "unseen synthesizer", speech_set("flite", some)),
        ]
        silence, noise = speechless_set("silence", some), speechless_set("noise", count)
        empty = [
            await measure_empty(service, "silence, model alone", silence, manual=True),
            await measure_empty(service, "noise, model alone", noise, manual=True),
            await measure_empty(service, "silence, behind the VAD", silence, manual=False),
            await measure_empty(service, "noise, behind the VAD", noise, manual=False),
        ]
    return speech, empty


def write_subset() -> None:
    """The two-minute subset that the tests run on, kept in tests/data/quality."""
    _SUBSET_FOLDER.mkdir(parents=True, exist_ok=True)
    save_clips(speech_set("one", 40), _SUBSET_FOLDER, "one")
    save_clips(speech_set("several", 10), _SUBSET_FOLDER, "several")
    save_clips(
        speechless_set("silence", 10)[::2] + speechless_set("noise", 20)[::2], _SUBSET_FOLDER, "speechless"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(_ROOT / "model_cache" / "starter"))
    parser.add_argument("--count", type=int, default=300, help="single sentences a direction")
    parser.add_argument("--subset", action="store_true", help="write tests/data/quality and stop")
    arguments = parser.parse_args()
    if arguments.subset:
        write_subset()
        return
    started = time.monotonic()
    speech, empty = asyncio.run(measure_all(arguments.model, arguments.count))
    results = {
        "model": Path(arguments.model).name,
        "speech": [row.as_dict() for row in speech],
        "empty": [row.as_dict() for row in empty],
    }
    (_ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    (_ROOT / "benchmarks" / "results" / "quality.json").write_text(json.dumps(results, indent=1) + "\n")
    text = markdown(speech, empty)
    (_ROOT / "docs" / "quality.md").write_text(text, encoding="utf-8")
    print(text)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
