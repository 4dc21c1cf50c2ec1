"""Shows a live stream's events as they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from translate_svc.cli.output.text_view import TextView, seconds_stamp
from translate_svc.types import (
    LanguageDetected,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    UtteranceDone,
)


class EventView:
    """Shows texts as they grow and, for each utterance, one line with the latencies of first text and speech.

    A latency is what the listener experiences: from the end of the spoken utterance to the arrival here of
    the first translated text or speech. In simultaneous translation they may come before that end.
    """

    def __init__(
        self,
        view: TextView,
        input_rate_hz: int,
        spoken_end_ms: Callable[[UtteranceDone], float],
        end_name: str,
    ) -> None:
        """``spoken_end_ms`` returns the end of an utterance's speech in the source; ``end_name`` names it."""
        self._view = view
        self._input_rate_hz = input_rate_hz
        self._spoken_end_ms = spoken_end_ms
        self._end_name = end_name
        self._texts: defaultdict[tuple[int, str], str] = defaultdict(str)
        self._first_ms: dict[tuple[int, str], float] = {}

    def show(self, event: SessionEvent, at_ms: float) -> None:
        """Shows an event that arrived ``at_ms`` after the start of the source."""
        stamp = seconds_stamp(at_ms)
        match event:
            case SpeechStarted():
                start = max(event.position, event.speech_position)
                self._view.line(stamp, f"speech started at {self._seconds(start)}")
            case SpeechEnded():
                self._view.line(stamp, f"speech ended at {self._seconds(event.source.end)}")
            case LanguageDetected():
                heard = event.language or "an unknown language"
                sure = f"{event.probability:.0%}" if event.sure else "not sure"
                self._view.line(stamp, f"heard {heard} ({sure})")
            case TextDelta():
                self._show_text(event, at_ms)
            case SpeechChunk() if event.sample_count or event.data:
                self._first_ms.setdefault((event.utterance_id, "speech"), at_ms)
            case StreamWarning():
                language = f"{event.language}: " if event.language else ""
                self._view.line(stamp, f"{language}{event.code}: {event.message}", "problem")
            case UtteranceDone():
                self._view.settle(event.utterance_id)
                self._view.line(stamp, self._summary(event))
                self._forget(event.utterance_id)
            case _:
                pass

    def _show_text(self, event: TextDelta, at_ms: float) -> None:
        if not event.delta:
            return
        kind = "transcript" if event.transcript else "translation"
        if not event.transcript:
            self._first_ms.setdefault((event.utterance_id, "text"), at_ms)
        key = f"{'0' if event.transcript else '1'}-{event.language}"
        self._texts[event.utterance_id, key] += event.delta
        text = self._texts[event.utterance_id, key]
        self._view.grow(event.utterance_id, key, seconds_stamp(at_ms), f"{event.language}  {text}", kind)

    def _summary(self, done: UtteranceDone) -> str:
        end_ms = self._spoken_end_ms(done)
        parts = [
            f"first {kind} {abs(came_ms - end_ms):.0f} ms {'before' if came_ms < end_ms else 'after'}"
            for kind in ("text", "speech")
            if (came_ms := self._first_ms.get((done.utterance_id, kind))) is not None
        ]
        latency = f"{' and '.join(parts)} {self._end_name}; " if parts else ""
        speech = f"{done.usage.speech_ms / 1000:.2f} s of speech"
        return f"utterance {done.utterance_id} {done.status.value}: {latency}{speech}"

    def _forget(self, utterance_id: int) -> None:
        for kept in (self._texts, self._first_ms):
            for key in [key for key in kept if key[0] == utterance_id]:
                del kept[key]

    def _seconds(self, position: int) -> str:
        return f"{position / self._input_rate_hz:.2f} s"
