"""What the operator decides for every stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Limits of one stream. Each bounds something that a caller could otherwise grow.

    Attributes:
        max_targets: target languages of one stream (the transcript not counted).
        max_queued_input_ms: audio that waits for the segmenter. A message is let in while less than this
            waits, so that one message may stand above it; beyond that ``receive`` waits.
        max_audio_chunk_bytes: the largest ``audio.data``.
        max_clip_bytes: the largest clip of a call of Translate; its length is bounded as an utterance's is.
        max_text_characters: the longest text of a call of Translate, in Unicode code points: a paragraph. The
            engine's own limit, in tokens, may be reached first.
        max_silence_ms: the longest run of silence that one message may stand for.
        min_utterance_samples: an utterance shorter than this (at 16 kHz) is EMPTY without asking the engine.
        max_utterances_in_flight: utterances between their cut and the moment the reader has taken their
            ``UtteranceDone``. The input waits beyond it.
        max_queued_events: events that wait for the reader before the input waits for him too. Results of the
            utterances in flight may stand above it: the engine is never held up, only the input is.
        max_engine_wait_ms: how long an utterance waits where the engine's line is full, its stream's input
            with it, before it fails as ``engine_busy``.
        max_unacknowledged: events that the reader may be ahead of the client's last ``ack``, once there was
            one. The reader waits beyond it.
        ack_timeout_ms: how long it waits so; then the stream fails.
    """

    max_targets: int = 8
    max_queued_input_ms: int = 5_000
    max_audio_chunk_bytes: int = 64 * 1024
    max_clip_bytes: int = 4 * 1024 * 1024
    max_text_characters: int = 1_000
    max_silence_ms: int = 3_600_000
    min_utterance_samples: int = 1_600
    max_utterances_in_flight: int = 8
    max_queued_events: int = 256
    max_engine_wait_ms: int = 30_000
    max_unacknowledged: int = 1_024
    ack_timeout_ms: int = 300_000
