"""What a stream sent back, kept: every event as JSON with its time, and the whole texts."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from translate_svc import wire
from translate_svc.types import SessionEvent, TextDelta


class EventLog:
    """The events of one stream with the milliseconds at which they came, and what they add up to."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._texts: defaultdict[tuple[bool, str, int], str] = defaultdict(str)

    def add(self, event: SessionEvent, at_ms: float) -> None:
        """Takes the next event."""
        row = wire.event_json(len(self._rows) + 1, event, audio=False)
        self._rows.append({"atMs": round(at_ms, 1)} | row)
        if isinstance(event, TextDelta):
            self._texts[event.transcript, event.language, event.utterance_id] += event.delta

    def full_text(self, language: str, *, transcript: bool) -> str:
        """All utterances, joined by spaces."""
        texts = sorted(
            (utterance, text)
            for (kind, code, utterance), text in self._texts.items()
            if kind is transcript and code == language and text
        )
        return " ".join(text for _, text in texts)

    def save(self, path: Path) -> None:
        """Writes all events as one JSON array (without the speech itself)."""
        path.write_text(json.dumps(self._rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
