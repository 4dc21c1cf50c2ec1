"""Figures of sets of clips and texts: the service's settings, and the references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.quality.clip import Clip, by_language
from benchmarks.quality.figures import (
    EmptyFigures,
    Figures,
    RoundTripFigures,
    TranscriptFigures,
    TranslationFigures,
)
from benchmarks.quality.measures.scores import text_scores, word_error_rate
from benchmarks.quality.pipeline import PipelineOutput, settings_for, translate_all, translate_texts
from translate_svc.service import Service
from translate_svc.types import Samples, TargetSettings

_EDGE_SAMPLES = 4_800
_FLOOR = 1e-4


async def measure_speech(
    service: Service, set_name: str, clips: Sequence[Clip], *, manual: bool = True
) -> Figures:
    """Translations into all languages but the spoken one, from one encoder pass, and transcripts.

    With ``manual`` a clip is one utterance and all guards are off, so the model alone is measured. Without
    it the voice activity detector cuts the clip, as it does for a caller.
    """
    figures = Figures()
    for source, group in by_language(clips).items():
        targets = _others(source, group[0].texts)
        settings = settings_for(source, targets, transcript=True, manual=manual)
        heard = await translate_all(service, [(clip.samples, settings) for clip in group])
        rows = _translations(set_name, source, targets, [clip.texts for clip in group], heard)
        wer = word_error_rate([clip.transcript for clip in group], [each.transcript for each in heard])
        figures += Figures(speech=rows, transcripts=(TranscriptFigures(set_name, source, wer, len(group)),))
    return figures


async def measure_text(
    service: Service, set_name: str, source: str, texts: Sequence[Mapping[str, str]]
) -> Figures:
    """From text to text: each of ``texts`` in ``source`` into all its other languages."""
    targets = _others(source, texts[0])
    settings = [TargetSettings(target, speech=False) for target in targets]
    heard = await translate_texts(service, [text[source] for text in texts], source, settings)
    return Figures(text=_translations(set_name, source, targets, texts, heard))


async def measure_empty(
    service: Service, set_name: str, clips: Sequence[Clip], *, manual: bool = True
) -> Figures:
    """The share of empty texts over all translations of clips without speech: into each language except the
    one that the stream declares as its source. ``manual`` as in ``measure_speech``.
    """
    texts: list[str] = []
    for source, group in by_language(clips).items():
        settings = settings_for(source, _others(source, group[0].texts), manual=manual)
        heard = await translate_all(service, [(clip.samples, settings) for clip in group])
        texts += [
            each.translations.get(target, "") for each in heard for target in _others(source, group[0].texts)
        ]
    empty = 100.0 * sum(not text for text in texts) / len(texts)
    return Figures(empty=(EmptyFigures(set_name, empty, len(texts)),))


async def speak_all(
    service: Service, texts: Sequence[str], source: str, language: str, speaker_id: int
) -> list[tuple[str, Samples]]:
    """Written texts translated into ``language`` and spoken: the text and its samples at 16 kHz. Empty
    translations are left out.
    """
    target = TargetSettings(language, speaker_id=speaker_id)
    heard = await translate_texts(service, texts, source, [target])
    return [(each.translations[language], each.speech[language]) for each in heard if each.speech]


async def measure_round_trip(
    service: Service, texts: Sequence[str], source: str, language: str, speaker_id: int
) -> Figures:
    """The service's own speech in ``language``, of translated ``texts``, transcribed by the service; no
    figure if nothing was spoken.
    """
    spoken = await speak_all(service, texts, source, language, speaker_id)
    if not spoken:
        return Figures()
    settings = settings_for(language, (), transcript=True)
    again = await translate_all(service, [(in_a_quiet_room(samples), settings) for _, samples in spoken])
    wer = word_error_rate([text for text, _ in spoken], [each.transcript for each in again])
    return Figures(round_trips=(RoundTripFigures(language, speaker_id, wer, len(spoken)),))


def in_a_quiet_room(speech: Samples) -> Samples:
    """With a floor of -80 dBFS, which begins 0.3 s before ``speech`` and ends 0.3 s after it."""
    rng = np.random.default_rng(len(speech))
    floor = (_FLOOR * rng.standard_normal(len(speech) + 2 * _EDGE_SAMPLES)).astype(np.float32)
    floor[_EDGE_SAMPLES : _EDGE_SAMPLES + len(speech)] += speech
    return floor


def _others(source: str, languages: Iterable[str]) -> tuple[str, ...]:
    return tuple(language for language in languages if language != source)


def _translations(
    set_name: str,
    source: str,
    targets: Sequence[str],
    references: Sequence[Mapping[str, str]],
    heard: Sequence[PipelineOutput],
) -> tuple[TranslationFigures, ...]:
    return tuple(
        TranslationFigures(
            set_name,
            source,
            target,
            text_scores(
                [texts[target] for texts in references],
                [each.translations.get(target, "") for each in heard],
            ),
        )
        for target in targets
    )
