"""What a stream sent back, kept: every event as JSON, and the speech."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from translate_svc.audio.codecs import decode
from translate_svc.audio.files import write_wav
from translate_svc.types import (
    AudioFormat,
    Opened,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    TextDelta,
    UtteranceDone,
)

_PAUSE_MS = 300


class Recording:
    """The events of one stream with the milliseconds at which they came, and what they add up to."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._texts: defaultdict[tuple[bool, str, int], str] = defaultdict(str)
        self._speech: defaultdict[tuple[str, int], list[bytes]] = defaultdict(list)
        self._output: AudioFormat | None = None
        self.utterances: list[UtteranceDone] = []
        self.ends: dict[int, SpeechEnded] = {}

    def add(self, event: SessionEvent, at_ms: float) -> None:
        """Takes the next event."""
        self._rows.append({"at_ms": round(at_ms, 1), "event": type(event).__name__} | _plain(event))
        match event:
            case Opened():
                self._output = event.config.output
            case TextDelta():
                self._texts[event.transcript, event.language, event.utterance_id] += event.delta
            case SpeechChunk():
                self._speech[event.language, event.utterance_id].append(event.data)
            case SpeechEnded():
                self.ends[event.utterance_id] = event
            case UtteranceDone():
                self.utterances.append(event)
            case _:
                pass

    def text(self, language: str, utterance_id: int, *, transcript: bool) -> str:
        """What has been said so far of one utterance in one language."""
        return self._texts[transcript, language, utterance_id]

    def full_text(self, language: str, *, transcript: bool) -> str:
        """All utterances, joined by spaces."""
        texts = sorted(
            (utterance, text)
            for (kind, code, utterance), text in self._texts.items()
            if kind is transcript and code == language and text
        )
        return " ".join(text for _, text in texts)

    def speech(self, language: str) -> tuple[Samples, int]:
        """All utterances' speech with short pauses between them, and its sample rate in Hz."""
        assert self._output is not None
        rate_hz = self._output.sample_rate_hz
        pause = np.zeros(rate_hz * _PAUSE_MS // 1000, np.float32)
        pieces: list[Samples] = []
        for (code, _), chunks in sorted(self._speech.items()):
            if code == language:
                pieces += [decode(b"".join(chunks), self._output.encoding), pause]
        return (np.concatenate(pieces[:-1]) if pieces else pause[:0]), rate_hz

    def save(self, language: str, wav: Path, events: Path) -> None:
        """Writes the speech as WAV, and all events as JSON (audio by its length: the WAV has it)."""
        write_wav(wav, *self.speech(language))
        events.write_text(json.dumps(self._rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Plain JSON of an event."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(_plain(item) for item in value)
    return value
