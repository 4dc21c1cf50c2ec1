"""Clips with known transcripts and translations, and the outputs of a checkpoint for them.

A folder of labelled clips has ``clips.json``: a list of objects with

* ``file``: WAV, FLAC or Ogg, 16 kHz mono; ``start_sample`` and ``end_sample`` where the clip is a part of it;
* ``language``: the Seamless code of the spoken language;
* ``texts``: by Seamless code, the transcript and its translations. A clip without translations is talk that a
  checkpoint either understands, which its transcript shows, or should leave alone;
* ``in_domain``: false where the checkpoint is not made for such sentences. True by default.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import soundfile

from translate_svc.cli.exit_codes import UsageError
from translate_svc.confidence import UNKNOWN_AGREEMENT, Agreement
from translate_svc.engine.events import EngineEvent, FinishStatus, RequestFinished, RequestRefused, TextScored
from translate_svc.engine.handle import EngineHandle
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import EngineError
from translate_svc.models.confidence.fit import LabelledText
from translate_svc.service import Service
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_ENCODING,
    AudioClip,
    AudioFormat,
    Caller,
    GuardSettings,
    Inspect,
    Samples,
    TargetSettings,
    TextDelta,
    TokenInfo,
    TranslateRequest,
)

LABELS_FILE = "clips.json"
_FORMAT = AudioFormat(SAMPLES_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
_NO_GUARDS = GuardSettings(False, False, False, False, False)
_CONCURRENT_CALLS = 4
_UNDERSTOOD = 0.5
"""Share of words in a transcript that must be right for speech without a reference to count as understood."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """16 kHz samples, the language spoken, and the right text in that language and some others."""

    samples: Samples
    language: str
    texts: Mapping[str, str]
    in_domain: bool = True


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text, its tokens, and its agreement with the transcript."""

    text: str
    tokens: tuple[TokenInfo, ...]
    agreement: Agreement = UNKNOWN_AGREEMENT

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The ids of its tokens."""
        return tuple(token.token_id for token in self.tokens)

    @property
    def log_probabilities(self) -> tuple[float, ...]:
        """The natural log-probabilities of its tokens."""
        return tuple(token.log_probability for token in self.tokens)


def read_labelled(folder: Path) -> list[LabelledClip]:
    """The clips of a folder.

    Raises:
        UsageError: the folder cannot be used as labelled clips.
    """
    try:
        rows = json.loads((folder / LABELS_FILE).read_text(encoding="utf-8"))
        audio = {name: _read_audio(folder / name) for name in dict.fromkeys(row["file"] for row in rows)}
        clips = [
            LabelledClip(
                audio[row["file"]][row.get("start_sample", 0) : row.get("end_sample")],
                str(row["language"]),
                {str(code): str(text) for code, text in row["texts"].items()},
                bool(row.get("in_domain", True)),
            )
            for row in rows
        ]
        for clip in clips:
            clip.texts[clip.language]  # the transcript must be known
        if not clips:
            raise ValueError(f"{LABELS_FILE} lists none")
        return clips
    except (OSError, ValueError, LookupError, TypeError, AttributeError, soundfile.LibsndfileError) as error:
        raise UsageError(f"{folder} holds no labelled clips: {error}", field="--labelled") from error


def _read_audio(path: Path) -> Samples:
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    if rate_hz != INTERNAL_SAMPLE_RATE_HZ or samples.shape[1] != 1:
        raise ValueError(f"{path.name} is not {INTERNAL_SAMPLE_RATE_HZ} Hz mono")
    return np.ascontiguousarray(samples[:, 0])


def spoken_languages(service: Service) -> set[str]:
    """Codes of the languages that the model hears and writes."""
    return {each.code for each in service.languages() if each.text and each.speech_in}


async def translate_labelled(
    service: Service, clips: Sequence[LabelledClip], report: Callable[[], None] = lambda: None
) -> list[LabelledText]:
    """What the checkpoint makes of the clips that are in its languages: texts that are not empty and can be
    judged. ``report`` is called after each clip.
    """
    gate = asyncio.Semaphore(_CONCURRENT_CALLS)
    spoken = spoken_languages(service)
    written = {language.code for language in service.languages() if language.text}

    async def judged(number: int, clip: LabelledClip) -> list[LabelledText]:
        async with gate:
            texts = await _translate(service, clip, written)
        report()
        return list(judge(number, clip, texts))

    usable = [(number, clip) for number, clip in enumerate(clips) if clip.language in spoken]
    return [text for found in await asyncio.gather(*(judged(*each) for each in usable)) for text in found]


async def _translate(service: Service, clip: LabelledClip, written: set[str]) -> dict[str, DecodedText]:
    """The transcript and all translations, by language."""
    others = [code for code in clip.texts if code != clip.language and code in written]
    if not others:
        others = sorted(written - {clip.language})[:1]
    call = TranslateRequest(
        AudioClip(_FORMAT, clip.samples.astype("<f4").tobytes()),
        tuple(TargetSettings(code, speech=False) for code in others),
        _FORMAT,
        clip.language,
        frozenset({Inspect.TRANSCRIPT, Inspect.TOKENS}),
        _NO_GUARDS,
    )
    texts: defaultdict[str, str] = defaultdict(str)
    tokens: defaultdict[str, list[TokenInfo]] = defaultdict(list)
    one_shot = await service.translate(call, Caller("calibration"))
    try:
        async for event in one_shot.events():
            if isinstance(event, TextDelta):
                texts[event.language] += event.delta
                tokens[event.language] += event.tokens
    finally:
        await one_shot.cancel()
    decoded = {code: DecodedText(text, tuple(tokens[code])) for code, text in texts.items()}
    heard = decoded[clip.language]
    others = [code for code, each in decoded.items() if code != clip.language and each.text.strip()]
    if heard.text.strip():
        found = await asyncio.gather(
            *(_agreement(service, heard, clip.language, decoded[code], code) for code in others)
        )
        decoded |= {
            code: replace(decoded[code], agreement=agreement)
            for code, agreement in zip(others, found, strict=True)
        }
    return decoded


async def _agreement(
    service: Service, transcript: DecodedText, source: str, translation: DecodedText, target: str
) -> Agreement:
    """Of a transcript in the language ``source`` and a translation in ``target``."""
    return Agreement(
        *await asyncio.gather(
            score(service.engine, SourceText(transcript.text, source), target, translation.token_ids),
            score(service.engine, SourceText(translation.text, target), source, transcript.token_ids),
        )
    )


def judge(number: int, clip: LabelledClip, texts: Mapping[str, DecodedText]) -> Iterator[LabelledText]:
    """Which of the texts of clip ``number`` are right; those that cannot be judged are left out."""
    transcript = texts[clip.language]
    understood = _matching_share(clip.texts[clip.language], transcript.text) > _UNDERSTOOD
    for code, heard in texts.items():
        if not heard.log_probabilities:
            continue
        if code in clip.texts:
            right = words(heard.text) == words(clip.texts[code])
        elif not understood:
            right = False
        else:
            continue  # a translation that cannot be judged
        beside = () if code == clip.language else transcript.log_probabilities
        yield LabelledText(number, heard.log_probabilities, beside, right, clip.in_domain, heard.agreement)


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation. Texts with the same words count as equal."""
    return re.sub(r"[^\w\s]", " ", text.casefold()).split()


def _matching_share(said: str, transcript: str) -> float:
    """The share of the words said that the transcript has in their order."""
    blocks = SequenceMatcher(None, words(said), words(transcript), autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(1, len(words(said)))


async def score(
    engine: EngineHandle, source: SourceText, language: str, token_ids: Sequence[int]
) -> tuple[float, ...]:
    """How probable the model finds a given translation of a text: natural log-probabilities of its tokens and
    of its end. Not admitted, and nobody's usage.

    ``token_ids``: of the translation, without prompt and end. Raises as ``score_given``.
    """
    return await score_given(engine, source, SequenceSpec(language, given_token_ids=tuple(token_ids)))


async def score_given(engine: EngineHandle, source: SourceText, spec: SequenceSpec) -> tuple[float, ...]:
    """As ``score``, of a sequence whose text is given.

    Raises:
        InvalidArgument: the engine does not take such a text.
        EngineError: it could not be computed.
        ResourceExhausted, Unavailable, EngineLost: the engine has refused it.
    """
    answer: asyncio.Future[tuple[float, ...]] = asyncio.get_running_loop().create_future()

    def deliver(event: EngineEvent) -> None:
        match event:
            case TextScored():
                answer.set_result(event.log_probabilities)
            case RequestRefused():
                answer.set_exception(event.error)
            case RequestFinished(status=FinishStatus.FAILED):
                answer.set_exception(EngineError(event.error))

    engine.submit(Request(uuid.uuid4().hex, source, (spec,)), deliver)
    return await answer
