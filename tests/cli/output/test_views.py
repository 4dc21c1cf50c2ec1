"""The views of a running translation."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from translate_svc.cli.output.event_view import EventView
from translate_svc.cli.output.progress import SourceProgress
from translate_svc.cli.output.text_view import TextView
from translate_svc.types import (
    DraftReport,
    EndReason,
    SampleRange,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

SOURCE = SampleRange(16_000, 48_000)


def _shown(show_growth: bool, terminal: bool) -> list[str]:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=200, highlight=False)
    with TextView(console, show_growth=show_growth, footer=Text("the bar")) as view:
        view.grow(0, "1", "now", "spa  Buenos", "translation")
        view.grow(0, "0", "now", "eng  Good", "transcript")
        view.grow(0, "0", "now", "eng  Good day", "transcript")
        view.grow(1, "0", "now", "eng  unfinished", "transcript")
        view.settle(0)
        view.line("now", "utterance 0 ok")
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_without_a_terminal_growth_is_line_by_line_or_not_shown() -> None:
    assert _shown(show_growth=True, terminal=False) == [
        "now  spa  Buenos",
        "now  eng  Good",
        "now  eng  Good day",
        "now  eng  unfinished",
        "now  utterance 0 ok",
    ]
    assert _shown(show_growth=False, terminal=False) == [
        "now  eng  Good day",
        "now  spa  Buenos",
        "now  utterance 0 ok",
        "now  eng  unfinished",
    ]


@pytest.mark.parametrize("show_growth", [False, True])
def test_on_a_terminal_texts_grow_in_place_above_the_bar(show_growth: bool) -> None:
    lines = [Text.from_ansi(line).plain for line in _shown(show_growth, terminal=True)]
    assert not any(line.endswith("Good") for line in lines)
    assert any(line.endswith("Good day") for line in lines)
    assert any("the bar" in line for line in lines)


def test_a_live_stream_is_told_with_the_listener_s_latencies() -> None:
    screen = io.StringIO()
    with TextView(Console(file=screen, width=200, highlight=False)) as view:
        event_view = EventView(view, 16_000, lambda done: done.source.end / 16, "it was said")
        events: list[tuple[SessionEvent, float]] = [
            (SpeechStarted(0, 16_000), 1_400),
            (SpeechEnded(0, SOURCE, EndReason.SILENCE), 3_400),
            (TextDelta(0, SOURCE, "spa", "Buenos", False, False), 3_500),
            (TextDelta(0, SOURCE, "spa", " días", True, False), 3_510),
            (SpeechChunk(0, SOURCE, "spa", 0, bytes(2), True, sample_count=1), 3_700),
            (StreamWarning("length_stopped", "was ended", 0, "spa"), 3_750),
            (UtteranceDone(0, SOURCE, UtteranceStatus.OK, Usage(speech_ms=900)), 3_800),
            (UtteranceDone(1, SOURCE, UtteranceStatus.EMPTY, Usage()), 5_000),
            (TextDelta(2, SOURCE, "spa", "Sí", False, False), 2_100),
            (DraftReport(2, "spa", False, 32_000, 0, "", "Sí", "No", "near_end"), 2_110),
            (UtteranceDone(2, SOURCE, UtteranceStatus.OK, Usage(speech_ms=900)), 5_100),
        ]
        for event, at_ms in events:
            event_view.show(event, at_ms)
    assert screen.getvalue().splitlines() == [
        "   1.40 s  speech started at 1.00 s",
        "   3.40 s  speech ended at 3.00 s",
        "   3.50 s  spa  Buenos",
        "   3.51 s  spa  Buenos días",
        "   3.75 s  spa: length_stopped: was ended",
        "   3.80 s  utterance 0 ok: first text 500 ms after and first speech 700 ms after it was said; "
        "0.90 s of speech",
        "   5.00 s  utterance 1 empty: 0.00 s of speech",
        "   2.10 s  spa  Sí",
        "   5.10 s  utterance 2 ok: first text 900 ms before it was said; 0.90 s of speech",
    ]


def test_progress_is_the_source_that_is_done_with() -> None:
    async def blocks() -> AsyncIterator[Samples]:
        for _ in range(3):
            yield np.zeros(8_000, np.float32)

    async def send(progress: SourceProgress) -> None:
        async for _ in progress.counted(blocks()):
            """Sent."""

    progress = SourceProgress("a.wav", 4_000, 8_000, lambda: 0.0)
    asyncio.run(send(progress))
    assert (progress.sent_samples, progress.done_samples) == (24_000, 24_000)
    progress.write(SpeechStarted(0, 4_000))
    progress.write(SpeechStarted(1, 12_000))
    progress.write(UtteranceDone(1, SOURCE, UtteranceStatus.OK, Usage()))
    assert progress.done_samples == 4_000, "the first one is still being translated"
    progress.write(UtteranceDone(0, SOURCE, UtteranceStatus.OK, Usage()))
    assert progress.done_samples == 24_000
    assert progress.bar.tasks[0].fields["position"].startswith("0:03 / 0:04")
    progress.finish(24_000)
    assert progress.bar.finished
