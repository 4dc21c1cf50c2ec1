"""The translation of one text or clip, built from its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.errors import DataLoss, TranslationFailed
from translate_svc.types import (
    AudioFormat,
    ResultEvent,
    Samples,
    SpeechChunk,
    StreamWarning,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)


@dataclass(frozen=True, slots=True, eq=False)
class Translation:
    """One text or clip in all its target languages.

    Attributes:
        text: the requested texts, by Seamless code.
        speech: the requested speech, by Seamless code: ``[n]`` float32 at ``sample_rate_hz``.
        sample_rate_hz: sample rate of the speech.
        transcript: the text of the clip in its own language; empty unless it was requested.
        warnings: changes by the guards, truncated texts, and texts that the model is unsure of.
        done: status, usage, how sure the model is of each text, and timings if they were requested.
    """

    text: Mapping[str, str]
    speech: Mapping[str, Samples]
    sample_rate_hz: int
    transcript: str
    warnings: tuple[StreamWarning, ...]
    done: UtteranceDone


class TranslationBuilder:
    """Collects the events of one call, in order. ``build`` turns them into a ``Translation``."""

    def __init__(self, output: AudioFormat) -> None:
        self._output = output
        self._texts: defaultdict[str, str] = defaultdict(str)
        self._transcript = ""
        self._decoders: dict[str, SpeechDecoder] = {}
        self._speech: defaultdict[str, list[Samples]] = defaultdict(list)
        self._warnings: list[StreamWarning] = []
        self._done: UtteranceDone | None = None

    def add(self, event: ResultEvent) -> None:
        """Adds the next event.

        Raises:
            DataLoss: a chunk of speech is missing, or holds fewer samples than it declares.
        """
        match event:
            case TextDelta(transcript=True):
                self._transcript += event.delta
            case TextDelta():
                self._texts[event.language] += event.delta
            case SpeechChunk():
                decoder = self._decoders.setdefault(event.language, SpeechDecoder(self._output))
                self._speech[event.language].append(decoder.decode(event))
            case StreamWarning():
                self._warnings.append(event)
            case UtteranceDone():
                self._done = event

    def build(self) -> Translation:
        """The translation from all events.

        Raises:
            TranslationFailed: the server could not translate the text or clip. The message is that of the
                warnings.
            DataLoss: the last event is missing.
        """
        if self._done is None:
            raise DataLoss("did not come", field="utterance_done")
        if self._done.status is UtteranceStatus.FAILED:
            raise TranslationFailed("; ".join(warning.message for warning in self._warnings) or "it failed")
        return Translation(
            text={code: text.strip() for code, text in self._texts.items()},
            speech={code: np.concatenate(pieces) for code, pieces in self._speech.items()},
            sample_rate_hz=self._output.sample_rate_hz,
            transcript=self._transcript.strip(),
            warnings=tuple(self._warnings),
            done=self._done,
        )
