"""Counts the utterances of a file, for the report at its end."""

from __future__ import annotations

import sys

from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.errors import DataLoss, TranslationFailed, Unavailable
from translate_svc.types import (
    NO_SPEECH,
    Closed,
    EndReason,
    SessionEvent,
    SpeechEnded,
    StreamWarning,
    UtteranceDone,
    UtteranceStatus,
)


class UtteranceCounter:
    """A sink that counts utterances, failures and what is lost, for the report at the end of a file."""

    def __init__(self, streams: int = 1) -> None:
        """``streams``: how many translate the file."""
        self.utterances = 0
        self._without_text = 0
        self._cut_in_speech = 0
        self._silent: set[tuple[ChannelSide, int | None]] = set()
        self._failed = 0
        self._open_streams = streams

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        if isinstance(event, UtteranceDone):
            self.utterances += 1
            self._failed += event.status is UtteranceStatus.FAILED
            is_silent = (side, event.utterance_id) in self._silent
            self._without_text += event.status is UtteranceStatus.EMPTY and not is_silent
        elif isinstance(event, SpeechEnded):
            self._cut_in_speech += event.reason is EndReason.MAX_LENGTH
        elif isinstance(event, StreamWarning) and event.code == NO_SPEECH:
            self._silent.add((side, event.utterance_id))
        elif isinstance(event, Closed):
            self._open_streams -= 1

    def finish(self, source_samples: int) -> None:
        if self._open_streams:
            raise Unavailable("the stream ended early")

    def report(self, name: str, damage: str | None) -> None:
        """Reports problems of a run that came to its end. ``damage``: the fault of the file ``name``.

        Raises:
            DataLoss: the file is damaged.
            TranslationFailed: utterances could not be translated.
        """
        if lost := self.losses():
            print(f"translate-svc: {name}: {lost}", file=sys.stderr)
        if (problem := self.problem(name, damage)) is not None:
            raise problem

    def losses(self) -> str:
        """What may be missing from the texts, for people; empty if nothing is."""
        if self.utterances == len(self._silent):
            return "no speech was found"
        counts = {
            "without a text": self._without_text,
            "cut within running speech, where words may be lost": self._cut_in_speech,
        }
        found = [f"{count} {what}" for what, count in counts.items() if count]
        return f"of {self.utterances} utterances {', and '.join(found)}" if found else ""

    def problem(self, name: str, damage: str | None) -> DataLoss | TranslationFailed | None:
        """The error that ``report`` raises; None if all of the file was translated."""
        if damage is not None:
            return DataLoss(damage, field=name)
        if self._failed:
            return TranslationFailed(
                f"{self._failed} of {self.utterances} utterances could not be translated", field=name
            )
        return None
