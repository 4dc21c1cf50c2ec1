"""Finds out how long the utterances are that a checkpoint handles well, and what it needs after their end.

Labelled clips are cut off behind their last sound and translated with more or less of their background after
it. Then they are joined to long recordings, which are cut in several ways and translated.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby
from operator import attrgetter

import numpy as np

from translate_svc.cli.labelled_clips import LabelledClip, spoken_languages, words
from translate_svc.engine.runner.heard_source import background
from translate_svc.models.checkpoint.utterance_lengths import UtteranceLengths
from translate_svc.service import Service
from translate_svc.session.inbound.source_events import Utterance
from translate_svc.session.inbound.utterance_source import UtteranceSource
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_ENCODING,
    AudioClip,
    AudioFormat,
    Caller,
    GuardSettings,
    Inspect,
    Samples,
    Segmentation,
    StreamSettings,
    TargetSettings,
    TextDelta,
    TranslateRequest,
)
from translate_svc.vad.frame_vad import Float32Array, FrameVad, VadFrames
from translate_svc.vad.options import VadOptions

GOOD_MS = (1_600, 2_300, 3_300, 4_700, 6_700, 10_000, 15_000)
MAX_MS = (7_000, 10_000, 15_000, 20_000)
TAIL_PADDING_MS = (0, 100, 200, 400)
TRIALS = len(TAIL_PADDING_MS) + len(GOOD_MS) + len(MAX_MS)

_FORMAT = AudioFormat(SAMPLES_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
_NO_GUARDS = GuardSettings(False, False, False, False, False)
_RECORDING_S = 60
_ALIKE_POINTS = 1.0
"""Of maxima that differ by no more than this the shortest is taken: results come sooner."""
_ALIKE_PADDING_POINTS = 0.5
"""The same of paddings. Nobody waits for these, but they are computed."""
_CUT_OFF_CLIPS = 128
_GAP_S = (0.1, 0.4)
_QUIET_BELOW_PEAK_DB = 35.0
_BLOCK_SAMPLES = 160
_CHUNK_SAMPLES = 16_000
_CONCURRENT_CALLS = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """A clip, or clips of one language with short gaps. ``texts``: what they say, by language."""

    samples: Samples
    language: str
    texts: dict[str, str]


async def measure_tail_padding(
    service: Service, clips: Sequence[LabelledClip], report: Callable[[], None] = lambda: None
) -> UtteranceLengths:
    """How much tail padding the model needs; other lengths are as ``UNMEASURED_LENGTHS``.

    ``service``: one that pads nothing. ``report`` is called after each of ``TAIL_PADDING_MS``.

    Raises:
        ValueError: no clip can be used.
    """
    usable = usable_clips(service, clips)
    chosen = usable[:: math.ceil(len(usable) / _CUT_OFF_CLIPS)]

    def padded(clip: LabelledClip, milliseconds: int) -> Samples:
        samples = _trimmed(clip.samples)
        tail = background(samples, milliseconds * INTERNAL_SAMPLE_RATE_HZ // 1000)
        return np.concatenate((samples, tail))

    shares = {}
    for milliseconds in TAIL_PADDING_MS:
        shares[milliseconds] = await words_found(
            service, [(clip, padded(clip, milliseconds)) for clip in chosen]
        )
        report()
    figures = {f"words_tail_{ms}": round(share, 1) for ms, share in shares.items()}
    return UtteranceLengths(tail_padding_ms=_shortest(shares, _ALIKE_PADDING_POINTS), figures=figures)


async def words_found(service: Service, heard: Sequence[tuple[LabelledClip, Samples]]) -> float:
    """The mean share of the words of clips, in percent, that come back of what is heard of each."""
    gate = asyncio.Semaphore(_CONCURRENT_CALLS)

    async def found(clip: LabelledClip, samples: Samples) -> float:
        async with gate:
            return await _found(service, _Recording(samples, clip.language, dict(clip.texts)), [samples])

    return 100 * float(np.mean(await asyncio.gather(*(found(*each) for each in heard))))


async def measure_lengths(
    service: Service, vad: FrameVad, clips: Sequence[LabelledClip], report: Callable[[], None] = lambda: None
) -> UtteranceLengths:
    """The lengths with which most words come back. ``report`` is called after each of ``TRIALS`` but those
    of the tail padding.

    Raises:
        ValueError: no clip can be used.
    """
    recordings = list(_recordings(service, clips))

    async def trial(options: VadOptions, segmentation: Segmentation) -> float:
        found = [await _found(service, each, _cut(each, vad, options, segmentation)) for each in recordings]
        report()
        return 100 * float(np.mean(found))

    usual = VadOptions(max_utterance_ms=30_000)
    good = {ms: await trial(replace(usual, good_utterance_ms=ms), Segmentation.HINDSIGHT) for ms in GOOD_MS}
    longest = {ms: await trial(replace(usual, max_utterance_ms=ms), Segmentation.VAD) for ms in MAX_MS}
    figures = {f"words_good_{ms}": round(share, 1) for ms, share in good.items()}
    figures |= {f"words_max_{ms}": round(share, 1) for ms, share in longest.items()}
    best = max(good, key=good.__getitem__)
    return UtteranceLengths(best, _shortest(longest, _ALIKE_POINTS), figures=figures)


def _shortest(shares: Mapping[int, float], alike_points: float) -> int:
    """The shortest of those that are as good as the best."""
    return min(ms for ms, share in shares.items() if share >= max(shares.values()) - alike_points)


def usable_clips(service: Service, clips: Sequence[LabelledClip]) -> list[LabelledClip]:
    """Those that hold a sentence of the domain in a language that is spoken to the model.

    Raises:
        ValueError: none does.
    """
    spoken = spoken_languages(service)
    usable = [
        each for each in clips if each.in_domain and each.language in spoken and all(each.texts.values())
    ]
    if not usable:
        raise ValueError("no clip holds a sentence in a language of the model")
    return usable


def _recordings(service: Service, clips: Sequence[LabelledClip]) -> Iterator[_Recording]:
    usable = usable_clips(service, clips)
    rng, language_of = np.random.default_rng(0), attrgetter("language")
    for language, group in groupby(sorted(usable, key=language_of), language_of):
        pieces: list[Samples] = []
        said: list[LabelledClip] = []
        for clip in group:
            pieces += [_trimmed(clip.samples), _silence(rng.uniform(*_GAP_S))]
            said.append(clip)
            if sum(map(len, pieces)) >= _RECORDING_S * INTERNAL_SAMPLE_RATE_HZ:
                yield _joined(pieces, language, said)
                pieces, said = [], []
        if said:
            yield _joined(pieces, language, said)


def _joined(pieces: Sequence[Samples], language: str, said: Sequence[LabelledClip]) -> _Recording:
    edge = _silence(0.5)
    common = set.intersection(*(set(each.texts) for each in said))
    texts = {code: " ".join(each.texts[code] for each in said) for code in sorted(common)}
    return _Recording(np.concatenate([edge, *pieces, edge]), language, texts)


def _silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * INTERNAL_SAMPLE_RATE_HZ), np.float32)


def _trimmed(samples: Samples) -> Samples:
    """Without the silence at both ends."""
    blocks = samples[: len(samples) // _BLOCK_SAMPLES * _BLOCK_SAMPLES].reshape(-1, _BLOCK_SAMPLES)
    levels_db = 10 * np.log10((blocks**2).mean(axis=1) + 1e-12)
    loud = np.flatnonzero(levels_db > np.percentile(levels_db, 95) - _QUIET_BELOW_PEAK_DB)
    return samples[loud[0] * _BLOCK_SAMPLES : (loud[-1] + 1) * _BLOCK_SAMPLES]


def _cut(
    recording: _Recording, vad: FrameVad, options: VadOptions, segmentation: Segmentation
) -> list[Samples]:
    """The utterances of a recording, as a session would cut them."""
    settings = Negotiated(StreamSettings((), segmentation=segmentation), options, ())
    source = UtteranceSource(INTERNAL_SAMPLE_RATE_HZ, settings)
    state: Float32Array = np.zeros((1, vad.state_size), np.float32)
    found = []
    for start in range(0, len(recording.samples), _CHUNK_SAMPLES):
        source.push(recording.samples[start : start + _CHUNK_SAMPLES])
        if start + _CHUNK_SAMPLES >= len(recording.samples):
            source.end()
        while (step := source.step()) is not None:
            if isinstance(step, VadFrames):
                state = np.zeros_like(state) if step.restart else state
                probabilities = []
                for frame in step.samples:
                    probability, state = vad.step(frame[None], state)
                    probabilities.append(float(probability[0]))
                source.push_probabilities(probabilities)
            elif isinstance(step, Utterance):
                found.append(step.samples)
    return found


async def _found(service: Service, recording: _Recording, utterances: Sequence[Samples]) -> float:
    """How much their texts have in common with what was said: 1 if they are the same words."""
    gate = asyncio.Semaphore(_CONCURRENT_CALLS)

    async def heard(samples: Samples) -> dict[str, str]:
        async with gate:
            return await _translate(service, recording, samples)

    texts = await asyncio.gather(*map(heard, utterances))
    shares = []
    for code, said in recording.texts.items():
        told = " ".join(each.get(code, "") for each in texts)
        shares.append(SequenceMatcher(None, words(said), words(told), autojunk=False).ratio())
    return float(np.mean(shares))


async def _translate(service: Service, recording: _Recording, samples: Samples) -> dict[str, str]:
    others = [code for code in recording.texts if code != recording.language]
    call = TranslateRequest(
        AudioClip(_FORMAT, samples.astype("<f4").tobytes()),
        tuple(TargetSettings(code, speech=False) for code in others),
        _FORMAT,
        recording.language,
        frozenset({Inspect.TRANSCRIPT}),
        _NO_GUARDS,
    )
    texts: dict[str, str] = {}
    one_shot = await service.translate(call, Caller("calibration"))
    try:
        async for event in one_shot.events():
            if isinstance(event, TextDelta):
                texts[event.language] = texts.get(event.language, "") + event.delta
    finally:
        await one_shot.cancel()
    return texts
