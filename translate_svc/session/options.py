"""Limits that the operator sets for every stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Limits of one stream. Each bounds something that a caller could otherwise grow without end.

    Attributes:
        max_targets: target languages of one stream (the transcript not counted).
        max_queued_input_ms: audio that waits for the segmenter. A message is let in while less than this
            waits, so one message may exceed it. Otherwise ``receive`` waits.
        max_audio_chunk_bytes: the largest ``audio.data``.
        max_clip_bytes: the largest clip of a Translate call. Its duration is bounded by ``max_utterance_ms``.
        max_text_characters: the longest text of a Translate call, in Unicode code points: some four pages.
        max_silence_ms: the longest silence that one message may stand for.
        min_utterance_samples: an utterance shorter than this (at 16 kHz) ends as EMPTY and does not go to
            the engine.
        max_utterances_in_flight: utterances between their cut and the moment the reader has taken their
            ``UtteranceDone``. With more, the input waits. Also how many pieces of a recording are tried at
            once before they are utterances.
        max_queued_events: events that wait for the reader before the input waits too. Results of utterances
            in flight may exceed it: only the input is held up, never the engine.
        max_engine_wait_ms: how long an utterance, and its stream's input, waits while the engine's queue is
            full. After that the utterance fails as ``engine_busy``.
        max_unacknowledged: once the client has sent an ``ack``: how many events may be unacknowledged. With
            more, the reader waits.
        ack_timeout_ms: how long the reader waits for an ``ack`` before the stream fails.
    """

    max_targets: int = 8
    max_queued_input_ms: int = 5_000
    max_audio_chunk_bytes: int = 64 * 1024
    max_clip_bytes: int = 4 * 1024 * 1024
    max_text_characters: int = 10_000
    max_silence_ms: int = 3_600_000
    min_utterance_samples: int = 1_600
    max_utterances_in_flight: int = 8
    max_queued_events: int = 256
    max_engine_wait_ms: int = 30_000
    max_unacknowledged: int = 1_024
    ack_timeout_ms: int = 300_000
