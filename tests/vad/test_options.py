"""VadOptions: limits, frames, and what a client may change."""

from __future__ import annotations

import dataclasses

from translate_svc.types import VadSettings
from translate_svc.vad.options import VadOptions


def test_durations_become_whole_frames() -> None:
    options = VadOptions(
        min_speech_ms=97,
        min_silence_ms=500,
        prefix_padding_ms=300,
        suffix_padding_ms=200,
        max_utterance_ms=15_000,
        cut_search_ms=3000,
        idle_timeout_ms=10_000,
    )
    assert options.min_speech_frames == 4
    assert options.min_silence_frames == 16
    assert options.prefix_padding_frames == 10
    assert options.suffix_padding_frames == 6
    assert options.max_utterance_frames == 468
    assert options.max_utterance_frames * 32 <= options.max_utterance_ms
    assert options.cut_search_frames == 93
    assert options.idle_timeout_frames == 313
    assert dataclasses.replace(options, min_speech_ms=0).min_speech_frames == 1


def test_client_settings_replace_only_what_they_set() -> None:
    server = VadOptions(suffix_padding_ms=100, min_silence_ms=700)
    merged = server.with_settings(
        VadSettings(threshold=0.7, max_utterance_ms=5000), field="config.settings.vad"
    )
    assert merged == dataclasses.replace(server, threshold=0.7, max_utterance_ms=5000)
    assert server.with_settings(VadSettings(), field="config.settings.vad") == server
