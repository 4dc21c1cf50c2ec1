"""What a server sends: ``SessionEvent`` <-> ``StreamingTranslateResponse``."""

from __future__ import annotations

from translate_svc.errors import DataLoss, InvalidArgument
from translate_svc.types import (
    Cleared,
    Closed,
    GoAway,
    Opened,
    Progress,
    SampleRange,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StageTiming,
    TextDelta,
    TokenInfo,
    Updated,
    Usage,
    UtteranceDone,
    Warning,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.enums import END_REASONS, UTTERANCE_STATUSES
from translate_svc.wire.requests import decode_config, encode_config


def encode_response(seq: int, event: SessionEvent) -> pb.StreamingTranslateResponse:
    """``event`` as the ``seq``-th message of its stream. (Long because it has one case an event.)"""
    match event:
        case TextDelta():
            text = _encode_text(event)
            if event.transcript:
                return pb.StreamingTranslateResponse(seq=seq, transcript=text)
            return pb.StreamingTranslateResponse(seq=seq, translation=text)
        case SpeechChunk():
            return pb.StreamingTranslateResponse(seq=seq, audio=_encode_speech(event))
        case UtteranceDone():
            return pb.StreamingTranslateResponse(seq=seq, utterance_done=_encode_done(event))
        case SpeechStarted(utterance_id, position):
            started = pb.SpeechStarted(utterance_id=utterance_id, position=position)
            return pb.StreamingTranslateResponse(seq=seq, speech_started=started)
        case SpeechEnded(utterance_id, source, reason):
            ended = pb.SpeechEnded(
                utterance_id=utterance_id, source=_encode_range(source), reason=END_REASONS.encode(reason)
            )
            return pb.StreamingTranslateResponse(seq=seq, speech_ended=ended)
        case Warning(code, message, utterance, language):
            return pb.StreamingTranslateResponse(
                seq=seq,
                warning=pb.StreamWarning(
                    code=code, message=message, utterance_id=utterance, language=language or ""
                ),
            )
        case Progress(received, committed, resume_token):
            progress = pb.Progress(
                received_samples=received, committed_samples=committed, resume_token=resume_token
            )
            return pb.StreamingTranslateResponse(seq=seq, progress=progress)
        case Updated(utterance_id):
            return pb.StreamingTranslateResponse(seq=seq, updated=pb.Updated(from_utterance_id=utterance_id))
        case Cleared(through_sample):
            return pb.StreamingTranslateResponse(seq=seq, cleared=pb.Cleared(through_sample=through_sample))
        case GoAway(deadline_ms):
            return pb.StreamingTranslateResponse(seq=seq, go_away=pb.GoAway(deadline_ms=deadline_ms))
        case Opened(session_id, config):
            opened = pb.Opened(session_id=session_id, config=encode_config(config))
            return pb.StreamingTranslateResponse(seq=seq, opened=opened)
        case Closed(complete, usage):
            closed = pb.Closed(complete=complete, usage=_encode_usage(usage))
            return pb.StreamingTranslateResponse(seq=seq, closed=closed)


def decode_response(response: pb.StreamingTranslateResponse) -> tuple[int, SessionEvent | None]:
    """The inverse of ``encode_response``; None for an event of a later contract, which is to be ignored.

    Raises:
        DataLoss: what the server sent cannot be understood.
    """
    try:
        return response.seq, _decode_event(response)
    except InvalidArgument as error:
        raise DataLoss(f"not understood: {error.description}", field=error.field) from None


def _decode_event(response: pb.StreamingTranslateResponse) -> SessionEvent | None:
    match response.WhichOneof("event"):
        case "transcript":
            return _decode_text(response.transcript, transcript=True)
        case "translation":
            return _decode_text(response.translation, transcript=False)
        case "audio":
            return _decode_speech(response.audio)
        case "utterance_done":
            return _decode_done(response.utterance_done)
        case "speech_started":
            return SpeechStarted(response.speech_started.utterance_id, response.speech_started.position)
        case "speech_ended":
            ended = response.speech_ended
            reason = END_REASONS.decode(ended.reason, "speech_ended.reason")
            return SpeechEnded(ended.utterance_id, _decode_range(ended.source), reason)
        case "warning":
            problem = response.warning
            utterance_id = problem.utterance_id if problem.HasField("utterance_id") else None
            return Warning(problem.code, problem.message, utterance_id, problem.language or None)
        case "progress":
            progress = response.progress
            return Progress(progress.received_samples, progress.committed_samples, progress.resume_token)
        case "updated":
            return Updated(response.updated.from_utterance_id)
        case "cleared":
            return Cleared(response.cleared.through_sample)
        case "go_away":
            return GoAway(response.go_away.deadline_ms)
        case "opened":
            return Opened(response.opened.session_id, decode_config(response.opened.config, "opened.config"))
        case "closed":
            return Closed(response.closed.complete, _decode_usage(response.closed.usage))
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
        source=_encode_range(event.source),
        language=event.language,
        delta=event.delta,
        final=event.final,
        tokens=tokens,
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
        source=_decode_range(text.source),
        language=text.language,
        delta=text.delta,
        final=text.final,
        transcript=transcript,
        tokens=tuple(tokens),
    )


def _encode_speech(event: SpeechChunk) -> pb.SpeechChunk:
    return pb.SpeechChunk(
        utterance_id=event.utterance_id,
        source=_encode_range(event.source),
        language=event.language,
        start_sample=event.start_sample,
        data=event.data,
        final=event.final,
        units=event.units,
        character_durations=event.character_durations,
        output_lag_ms=event.output_lag_ms,
        sample_count=event.sample_count,
        packets=event.packets,
    )


def _decode_speech(speech: pb.SpeechChunk) -> SpeechChunk:
    return SpeechChunk(
        utterance_id=speech.utterance_id,
        source=_decode_range(speech.source),
        language=speech.language,
        start_sample=speech.start_sample,
        data=speech.data,
        final=speech.final,
        units=tuple(speech.units),
        character_durations=tuple(speech.character_durations),
        output_lag_ms=speech.output_lag_ms,
        sample_count=speech.sample_count,
        packets=tuple(speech.packets),
    )


def _encode_done(event: UtteranceDone) -> pb.UtteranceDone:
    timings = [
        pb.StageTiming(stage=timing.stage, duration_ms=timing.duration_ms, batch_size=timing.batch_size)
        for timing in event.timings
    ]
    return pb.UtteranceDone(
        utterance_id=event.utterance_id,
        source=_encode_range(event.source),
        status=UTTERANCE_STATUSES.encode(event.status),
        usage=_encode_usage(event.usage),
        timings=timings,
        end_to_first_text_ms=event.end_to_first_text_ms,
        end_to_first_audio_ms=event.end_to_first_audio_ms,
    )


def _decode_done(done: pb.UtteranceDone) -> UtteranceDone:
    return UtteranceDone(
        utterance_id=done.utterance_id,
        source=_decode_range(done.source),
        status=UTTERANCE_STATUSES.decode(done.status, "utterance_done.status"),
        usage=_decode_usage(done.usage),
        timings=tuple(StageTiming(item.stage, item.duration_ms, item.batch_size) for item in done.timings),
        end_to_first_text_ms=done.end_to_first_text_ms if done.HasField("end_to_first_text_ms") else None,
        end_to_first_audio_ms=done.end_to_first_audio_ms if done.HasField("end_to_first_audio_ms") else None,
    )


def _encode_range(source: SampleRange) -> pb.SampleRange:
    return pb.SampleRange(start=source.start, end=source.end)


def _decode_range(source: pb.SampleRange) -> SampleRange:
    return SampleRange(source.start, source.end)


def _encode_usage(usage: Usage) -> pb.Usage:
    return pb.Usage(
        source_ms=usage.source_ms,
        text_tokens=usage.text_tokens,
        speech_ms=usage.speech_ms,
        utterances=usage.utterances,
    )


def _decode_usage(usage: pb.Usage) -> Usage:
    return Usage(usage.source_ms, usage.text_tokens, usage.speech_ms, usage.utterances)
