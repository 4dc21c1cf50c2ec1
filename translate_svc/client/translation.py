"""What one text or clip came to, gathered."""

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
        text: the texts that were asked for, by Seamless code.
        speech: the speech that was asked for, by Seamless code: ``[n]`` float32 at ``sample_rate_hz``.
        sample_rate_hz: of the speech.
        transcript: the clip's own text; empty unless it was asked for.
        warnings: what the guards did, and what was cut short.
        done: status, usage, and timings where they were asked for.
    """

    text: Mapping[str, str]
    speech: Mapping[str, Samples]
    sample_rate_hz: int
    transcript: str
    warnings: tuple[StreamWarning, ...]
    done: UtteranceDone


class TranslationBuilder:
    """Takes the events of one call, in order; ``build`` makes the translation of them."""

    def __init__(self, output: AudioFormat) -> None:
        self._output = output
        self._texts: defaultdict[str, str] = defaultdict(str)
        self._transcript = ""
        self._decoders: dict[str, SpeechDecoder] = {}
        self._speech: defaultdict[str, list[Samples]] = defaultdict(list)
        self._warnings: list[StreamWarning] = []
        self._done: UtteranceDone | None = None

    def add(self, event: ResultEvent) -> None:
        """Takes the next event.

        Raises:
            DataLoss: a chunk of speech is missing or holds less than it says.
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
        """What all the events came to.

        Raises:
            TranslationFailed: the server could not finish it; the message is that of its warnings.
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
