"""What a server sends: ``SessionEvent`` <-> ``StreamingTranslateResponse``."""

from __future__ import annotations

from translate_svc.errors import DataLoss, InvalidArgument
from translate_svc.types import (
    Cleared,
    Closed,
    DraftReport,
    GoAway,
    LanguageDetected,
    Opened,
    Progress,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    Updated,
    UtteranceDone,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.dataclass_fields import decode_dataclass, encode_dataclass
from translate_svc.wire.enums import END_REASONS
from translate_svc.wire.requests import decode_config, encode_config
from translate_svc.wire.results import (
    decode_range,
    decode_result,
    decode_usage,
    encode_range,
    encode_result,
    encode_usage,
)


def encode_response(seq: int, event: SessionEvent) -> pb.StreamingTranslateResponse:
    """``event`` as the ``seq``-th message of its stream. (Long because it has one case per event.)"""
    match event:
        case LanguageDetected() | TextDelta() | SpeechChunk() | UtteranceDone() | StreamWarning():
            return pb.StreamingTranslateResponse(seq=seq, **encode_result(event))
        case SpeechStarted(utterance_id, position, speech_position):
            started = pb.SpeechStarted(
                utterance_id=utterance_id, position=position, speech_position=speech_position
            )
            return pb.StreamingTranslateResponse(seq=seq, speech_started=started)
        case SpeechEnded(utterance_id, source, reason):
            ended = pb.SpeechEnded(
                utterance_id=utterance_id, source=encode_range(source), reason=END_REASONS.encode(reason)
            )
            return pb.StreamingTranslateResponse(seq=seq, speech_ended=ended)
        case DraftReport():
            return pb.StreamingTranslateResponse(seq=seq, draft=encode_dataclass(pb.Draft, event))
        case Progress():
            progress = encode_dataclass(pb.Progress, event)
            return pb.StreamingTranslateResponse(seq=seq, progress=progress)
        case Updated(utterance_id):
            return pb.StreamingTranslateResponse(seq=seq, updated=pb.Updated(from_utterance_id=utterance_id))
        case Cleared(through_sample):
            return pb.StreamingTranslateResponse(seq=seq, cleared=pb.Cleared(through_sample=through_sample))
        case GoAway(deadline_ms):
            return pb.StreamingTranslateResponse(seq=seq, go_away=pb.GoAway(deadline_ms=deadline_ms))
        case Opened(session_id, config, resume_token):
            opened = pb.Opened(
                session_id=session_id, config=encode_config(config, "config"), resume_token=resume_token
            )
            return pb.StreamingTranslateResponse(seq=seq, opened=opened)
        case Closed(complete, usage):
            closed = pb.Closed(complete=complete, usage=encode_usage(usage))
            return pb.StreamingTranslateResponse(seq=seq, closed=closed)


def decode_response(response: pb.StreamingTranslateResponse) -> tuple[int, SessionEvent | None]:
    """The inverse of ``encode_response``; None for an event of a later contract, which callers must ignore.

    Raises:
        DataLoss: the response violates the contract.
    """
    try:
        return response.seq, _decode_event(response)
    except InvalidArgument as error:
        raise DataLoss(f"not understood: {error.description}", field=error.field) from None


def _decode_event(response: pb.StreamingTranslateResponse) -> SessionEvent | None:
    match response.WhichOneof("event"):
        case "speech_started":
            started = response.speech_started
            return SpeechStarted(started.utterance_id, started.position, started.speech_position)
        case "speech_ended":
            ended = response.speech_ended
            reason = END_REASONS.decode(ended.reason, "speech_ended.reason")
            return SpeechEnded(ended.utterance_id, decode_range(ended.source), reason)
        case "progress":
            return decode_dataclass(Progress, response.progress, "progress")
        case "draft":
            return decode_dataclass(DraftReport, response.draft, "draft")
        case "updated":
            return Updated(response.updated.from_utterance_id)
        case "cleared":
            return Cleared(response.cleared.through_sample)
        case "go_away":
            return GoAway(response.go_away.deadline_ms)
        case "opened":
            opened = response.opened
            config = decode_config(opened.config, "opened.config")
            return Opened(opened.session_id, config, opened.resume_token)
        case "closed":
            return Closed(response.closed.complete, decode_usage(response.closed.usage))
        case _:
            return decode_result(response)
