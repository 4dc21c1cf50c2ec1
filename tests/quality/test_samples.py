"""The first minute is right: what the package lets people try gives the expected texts in every default.

On the audio's clock, so that a busy machine gives no other drafts than a quiet one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks.simultaneous.audio_clock import AudioClockLoop
from benchmarks.simultaneous.listen import SIMULTANEOUS, UTTERANCE, Mode, listen, stream_settings
from benchmarks.simultaneous.measure import is_computing, service_of
from tests import clips
from translate_svc.audio.files import read_audio
from translate_svc.service import Service
from translate_svc.types import TargetSettings

STARTER = Path(__file__).parents[2] / "model_cache" / "starter"
LANGUAGES = ("eng", "spa", "fra", "deu")
SAMPLES = [f"demo_{language}" for language in LANGUAGES]

pytestmark = [pytest.mark.quality, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=AudioClockLoop) as runner:
        yield runner


@pytest.fixture(scope="module")
def service(runner: asyncio.Runner) -> Iterator[Service]:
    running = service_of(STARTER)
    yield runner.run(running.__aenter__())
    runner.run(running.__aexit__(None, None, None))


async def translated(service: Service, name: str, mode: Mode, targets: list[str]) -> dict[str, str]:
    """The texts of a clip by language, each with speech, as the page and the sessions ask for it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, AudioClockLoop)
    samples, _ = read_audio(clips.DATA / f"{name}.flac")
    source = clips.entries()[name]["source_language"]
    with loop.audio_time(partial(is_computing, service)):
        heard = await asyncio.gather(
            *(
                listen(service, samples, stream_settings(mode, source, TargetSettings(target)))
                for target in targets
            )
        )
    texts: dict[str, str] = {}
    for target, each in zip(targets, heard, strict=True):
        by_utterance: dict[int, str] = defaultdict(str)
        for delta in each.deltas:
            by_utterance[delta.utterance_id] += delta.text
        texts[target] = " ".join(text.strip() for text in by_utterance.values() if text.strip())
    return texts


@pytest.mark.parametrize("mode", [UTTERANCE, SIMULTANEOUS], ids=lambda mode: mode.name)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_translated_rightly(
    runner: asyncio.Runner, service: Service, name: str, mode: Mode
) -> None:
    expected = {target: text for target, text in clips.texts(name).items() if target != name[-3:]}
    assert runner.run(translated(service, name, mode, list(expected))) == expected
