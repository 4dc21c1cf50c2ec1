"""Events that both methods send, in fields of the same names: ``ResultEvent`` <-> its message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from translate_svc.types import (
    LanguageDetected,
    ResultEvent,
    SampleRange,
    SentenceConfidence,
    SpeechChunk,
    StageTiming,
    StreamWarning,
    TextAlternative,
    TextAlternatives,
    TextConfidence,
    TextDelta,
    TokenInfo,
    Usage,
    UtteranceDone,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.dataclass_fields import decode_dataclass, encode_dataclass
from translate_svc.wire.enums import UTTERANCE_STATUSES

Response = pb.StreamingTranslateResponse | pb.TranslateResponse


def encode_result(event: ResultEvent) -> dict[str, Any]:
    """The response field for ``event``, as a dictionary of its name and its message."""
    match event:
        case LanguageDetected():
            return {"language_detected": encode_dataclass(pb.LanguageDetected, event)}
        case TextDelta():
            return {"transcript" if event.transcript else "translation": _encode_text(event)}
        case SpeechChunk():
            return {"audio": _encode_speech(event)}
        case UtteranceDone():
            return {"utterance_done": _encode_done(event)}
        case StreamWarning():
            return {"warning": _encode_warning(event)}


def decode_result(response: Response) -> ResultEvent | None:
    """The inverse of ``encode_result``; None for a response without a result.

    Raises:
        InvalidArgument: a value is not known. Names the field.
    """
    match response.WhichOneof("event"):
        case "language_detected":
            return decode_dataclass(LanguageDetected, response.language_detected, "language_detected")
        case "transcript":
            return _decode_text(response.transcript, transcript=True)
        case "translation":
            return _decode_text(response.translation, transcript=False)
        case "audio":
            return _decode_speech(response.audio)
        case "utterance_done":
            return _decode_done(response.utterance_done)
        case "warning":
            return _decode_warning(response.warning)
        case _:
            return None


def _encode_text(event: TextDelta) -> pb.TextDelta:
    tokens = [
        pb.Token(
            text=token.text,
            token_id=token.token_id,
            log_probability=token.log_probability,
            source_ms=token.source_ms,
        )
        for token in event.tokens
    ]
    return pb.TextDelta(
        utterance_id=event.utterance_id,
        source=encode_range(event.source),
        language=event.language,
        delta=event.delta,
        final=event.final,
        tokens=tokens,
        heard_through_sample=event.heard_through_sample,
    )


def _decode_text(text: pb.TextDelta, *, transcript: bool) -> TextDelta:
    tokens = (
        TokenInfo(
            token.text,
            token.token_id,
            token.log_probability,
            token.source_ms if token.HasField("source_ms") else None,
        )
        for token in text.tokens
    )
    return TextDelta(
        utterance_id=text.utterance_id,
        source=decode_range(text.source),
        language=text.language,
        delta=text.delta,
        final=text.final,
        transcript=transcript,
        tokens=tuple(tokens),
        heard_through_sample=text.heard_through_sample,
    )


def _encode_speech(event: SpeechChunk) -> pb.SpeechChunk:
    return pb.SpeechChunk(
        utterance_id=event.utterance_id,
        source=encode_range(event.source),
        language=event.language,
        start_sample=event.start_sample,
        data=event.data,
        final=event.final,
        units=event.units,
        character_durations=event.character_durations,
        output_lag_ms=event.output_lag_ms,
        sample_count=event.sample_count,
        packets=event.packets,
        heard_through_sample=event.heard_through_sample,
    )


def _decode_speech(speech: pb.SpeechChunk) -> SpeechChunk:
    return SpeechChunk(
        utterance_id=speech.utterance_id,
        source=decode_range(speech.source),
        language=speech.language,
        start_sample=speech.start_sample,
        data=speech.data,
        final=speech.final,
        units=tuple(speech.units),
        character_durations=tuple(speech.character_durations),
        output_lag_ms=speech.output_lag_ms,
        sample_count=speech.sample_count,
        packets=tuple(speech.packets),
        heard_through_sample=speech.heard_through_sample,
    )


def _encode_done(event: UtteranceDone) -> pb.UtteranceDone:
    timings = [
        pb.StageTiming(stage=timing.stage, duration_ms=timing.duration_ms, batch_size=timing.batch_size)
        for timing in event.timings
    ]
    return pb.UtteranceDone(
        utterance_id=event.utterance_id,
        source=encode_range(event.source),
        status=UTTERANCE_STATUSES.encode(event.status),
        usage=encode_usage(event.usage),
        timings=timings,
        end_to_first_text_ms=event.end_to_first_text_ms,
        end_to_first_audio_ms=event.end_to_first_audio_ms,
        confidences=[_encode_confidence(each) for each in event.confidences],
        alternatives=[
            pb.TextAlternatives(
                language=each.language,
                transcript=each.transcript,
                alternatives=[encode_dataclass(pb.TextAlternative, one) for one in each.alternatives],
            )
            for each in event.alternatives
        ],
    )


def _encode_confidence(confidence: TextConfidence) -> pb.TextConfidence:
    return pb.TextConfidence(
        language=confidence.language,
        transcript=confidence.transcript,
        confidence=confidence.confidence,
        calibrated=confidence.calibrated,
        sentences=[encode_dataclass(pb.SentenceConfidence, each) for each in confidence.sentences],
    )


def _decode_confidence(confidence: pb.TextConfidence) -> TextConfidence:
    path = "utterance_done.confidences"
    sentences = (
        decode_dataclass(SentenceConfidence, each, f"{path}.sentences") for each in confidence.sentences
    )
    return replace(decode_dataclass(TextConfidence, confidence, path), sentences=tuple(sentences))


def _decode_done(done: pb.UtteranceDone) -> UtteranceDone:
    return UtteranceDone(
        utterance_id=done.utterance_id,
        source=decode_range(done.source),
        status=UTTERANCE_STATUSES.decode(done.status, "utterance_done.status"),
        usage=decode_usage(done.usage),
        timings=tuple(StageTiming(item.stage, item.duration_ms, item.batch_size) for item in done.timings),
        end_to_first_text_ms=done.end_to_first_text_ms if done.HasField("end_to_first_text_ms") else None,
        end_to_first_audio_ms=done.end_to_first_audio_ms if done.HasField("end_to_first_audio_ms") else None,
        confidences=tuple(map(_decode_confidence, done.confidences)),
        alternatives=tuple(
            TextAlternatives(
                each.language,
                each.transcript,
                tuple(TextAlternative(one.text, one.score) for one in each.alternatives),
            )
            for each in done.alternatives
        ),
    )


def _encode_warning(event: StreamWarning) -> pb.StreamWarning:
    return pb.StreamWarning(
        code=event.code,
        message=event.message,
        utterance_id=event.utterance_id,
        language=event.language or "",
        lag_ms=event.lag_ms,
    )


def _decode_warning(warning: pb.StreamWarning) -> StreamWarning:
    utterance_id = warning.utterance_id if warning.HasField("utterance_id") else None
    lag_ms = warning.lag_ms if warning.HasField("lag_ms") else None
    return StreamWarning(warning.code, warning.message, utterance_id, warning.language or None, lag_ms)


def encode_range(source: SampleRange) -> pb.SampleRange:
    """A half-open range as its message."""
    return pb.SampleRange(start=source.start, end=source.end)


def decode_range(source: pb.SampleRange) -> SampleRange:
    """The inverse of ``encode_range``."""
    return SampleRange(source.start, source.end)


def encode_usage(usage: Usage) -> pb.Usage:
    """A usage as its message."""
    return pb.Usage(
        source_ms=usage.source_ms,
        text_tokens=usage.text_tokens,
        speech_ms=usage.speech_ms,
        utterances=usage.utterances,
    )


def decode_usage(usage: pb.Usage) -> Usage:
    """The inverse of ``encode_usage``."""
    return Usage(usage.source_ms, usage.text_tokens, usage.speech_ms, usage.utterances)
