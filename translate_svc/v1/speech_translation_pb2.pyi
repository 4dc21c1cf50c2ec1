from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_PCM_S16LE: _ClassVar[Encoding]
    ENCODING_PCM_F32LE: _ClassVar[Encoding]
    ENCODING_MULAW: _ClassVar[Encoding]
    ENCODING_ALAW: _ClassVar[Encoding]
    ENCODING_OPUS: _ClassVar[Encoding]
    ENCODING_G722: _ClassVar[Encoding]

class Inspect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSPECT_UNSPECIFIED: _ClassVar[Inspect]
    INSPECT_TRANSCRIPT: _ClassVar[Inspect]
    INSPECT_TOKENS: _ClassVar[Inspect]
    INSPECT_UNITS: _ClassVar[Inspect]
    INSPECT_TIMINGS: _ClassVar[Inspect]
    INSPECT_DRAFTS: _ClassVar[Inspect]
    INSPECT_ALTERNATIVES: _ClassVar[Inspect]

class Segmentation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEGMENTATION_UNSPECIFIED: _ClassVar[Segmentation]
    SEGMENTATION_VAD: _ClassVar[Segmentation]
    SEGMENTATION_MANUAL: _ClassVar[Segmentation]
    SEGMENTATION_HINDSIGHT: _ClassVar[Segmentation]

class Echo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ECHO_UNSPECIFIED: _ClassVar[Echo]
    ECHO_SPEAK: _ClassVar[Echo]
    ECHO_TEXT: _ClassVar[Echo]
    ECHO_SILENT: _ClassVar[Echo]
    ECHO_PASS: _ClassVar[Echo]

class EndReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    END_REASON_UNSPECIFIED: _ClassVar[EndReason]
    END_REASON_SILENCE: _ClassVar[EndReason]
    END_REASON_MAX_LENGTH: _ClassVar[EndReason]
    END_REASON_FINALIZE: _ClassVar[EndReason]
    END_REASON_END_OF_STREAM: _ClassVar[EndReason]
    END_REASON_CLEARED: _ClassVar[EndReason]
    END_REASON_CONTINUED: _ClassVar[EndReason]
    END_REASON_GOING_AWAY: _ClassVar[EndReason]

class UtteranceStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UTTERANCE_STATUS_UNSPECIFIED: _ClassVar[UtteranceStatus]
    UTTERANCE_STATUS_OK: _ClassVar[UtteranceStatus]
    UTTERANCE_STATUS_EMPTY: _ClassVar[UtteranceStatus]
    UTTERANCE_STATUS_FAILED: _ClassVar[UtteranceStatus]
    UTTERANCE_STATUS_CLEARED: _ClassVar[UtteranceStatus]
ENCODING_UNSPECIFIED: Encoding
ENCODING_PCM_S16LE: Encoding
ENCODING_PCM_F32LE: Encoding
ENCODING_MULAW: Encoding
ENCODING_ALAW: Encoding
ENCODING_OPUS: Encoding
ENCODING_G722: Encoding
INSPECT_UNSPECIFIED: Inspect
INSPECT_TRANSCRIPT: Inspect
INSPECT_TOKENS: Inspect
INSPECT_UNITS: Inspect
INSPECT_TIMINGS: Inspect
INSPECT_DRAFTS: Inspect
INSPECT_ALTERNATIVES: Inspect
SEGMENTATION_UNSPECIFIED: Segmentation
SEGMENTATION_VAD: Segmentation
SEGMENTATION_MANUAL: Segmentation
SEGMENTATION_HINDSIGHT: Segmentation
ECHO_UNSPECIFIED: Echo
ECHO_SPEAK: Echo
ECHO_TEXT: Echo
ECHO_SILENT: Echo
ECHO_PASS: Echo
END_REASON_UNSPECIFIED: EndReason
END_REASON_SILENCE: EndReason
END_REASON_MAX_LENGTH: EndReason
END_REASON_FINALIZE: EndReason
END_REASON_END_OF_STREAM: EndReason
END_REASON_CLEARED: EndReason
END_REASON_CONTINUED: EndReason
END_REASON_GOING_AWAY: EndReason
UTTERANCE_STATUS_UNSPECIFIED: UtteranceStatus
UTTERANCE_STATUS_OK: UtteranceStatus
UTTERANCE_STATUS_EMPTY: UtteranceStatus
UTTERANCE_STATUS_FAILED: UtteranceStatus
UTTERANCE_STATUS_CLEARED: UtteranceStatus

class AudioFormat(_message.Message):
    __slots__ = ("encoding", "sample_rate_hz", "channels", "channel")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    sample_rate_hz: int
    channels: int
    channel: int
    def __init__(self, encoding: _Optional[_Union[Encoding, str]] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., channel: _Optional[int] = ...) -> None: ...

class TargetSettings(_message.Message):
    __slots__ = ("language", "text", "speech", "speaker_id", "duration_factor", "catch_up_duration_factor")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SPEECH_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_FACTOR_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_DURATION_FACTOR_FIELD_NUMBER: _ClassVar[int]
    language: str
    text: bool
    speech: bool
    speaker_id: int
    duration_factor: float
    catch_up_duration_factor: float
    def __init__(self, language: _Optional[str] = ..., text: bool = ..., speech: bool = ..., speaker_id: _Optional[int] = ..., duration_factor: _Optional[float] = ..., catch_up_duration_factor: _Optional[float] = ...) -> None: ...

class GuardSettings(_message.Message):
    __slots__ = ("voice_gate", "repetition_stop", "length_stop", "script_check", "low_confidence")
    VOICE_GATE_FIELD_NUMBER: _ClassVar[int]
    REPETITION_STOP_FIELD_NUMBER: _ClassVar[int]
    LENGTH_STOP_FIELD_NUMBER: _ClassVar[int]
    SCRIPT_CHECK_FIELD_NUMBER: _ClassVar[int]
    LOW_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    voice_gate: bool
    repetition_stop: bool
    length_stop: bool
    script_check: bool
    low_confidence: bool
    def __init__(self, voice_gate: bool = ..., repetition_stop: bool = ..., length_stop: bool = ..., script_check: bool = ..., low_confidence: bool = ...) -> None: ...

class VadSettings(_message.Message):
    __slots__ = ("threshold", "min_speech_ms", "min_silence_ms", "prefix_padding_ms", "max_utterance_ms")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MIN_SPEECH_MS_FIELD_NUMBER: _ClassVar[int]
    MIN_SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_PADDING_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_MS_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    min_speech_ms: int
    min_silence_ms: int
    prefix_padding_ms: int
    max_utterance_ms: int
    def __init__(self, threshold: _Optional[float] = ..., min_speech_ms: _Optional[int] = ..., min_silence_ms: _Optional[int] = ..., prefix_padding_ms: _Optional[int] = ..., max_utterance_ms: _Optional[int] = ...) -> None: ...

class SimultaneousSettings(_message.Message):
    __slots__ = ("step_ms", "patience_frames", "max_buffer_ms")
    STEP_MS_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FRAMES_FIELD_NUMBER: _ClassVar[int]
    MAX_BUFFER_MS_FIELD_NUMBER: _ClassVar[int]
    step_ms: int
    patience_frames: int
    max_buffer_ms: int
    def __init__(self, step_ms: _Optional[int] = ..., patience_frames: _Optional[int] = ..., max_buffer_ms: _Optional[int] = ...) -> None: ...

class BeamSearchSettings(_message.Message):
    __slots__ = ("num_beams", "length_penalty")
    NUM_BEAMS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_PENALTY_FIELD_NUMBER: _ClassVar[int]
    num_beams: int
    length_penalty: float
    def __init__(self, num_beams: _Optional[int] = ..., length_penalty: _Optional[float] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("source", "target", "language")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    language: str
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class StreamSettings(_message.Message):
    __slots__ = ("targets", "source_language", "include", "segmentation", "vad", "guards", "simultaneous", "beam_search", "terms", "source_candidates", "echo")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    VAD_FIELD_NUMBER: _ClassVar[int]
    GUARDS_FIELD_NUMBER: _ClassVar[int]
    SIMULTANEOUS_FIELD_NUMBER: _ClassVar[int]
    BEAM_SEARCH_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[TargetSettings]
    source_language: str
    include: _containers.RepeatedScalarFieldContainer[Inspect]
    segmentation: Segmentation
    vad: VadSettings
    guards: GuardSettings
    simultaneous: SimultaneousSettings
    beam_search: BeamSearchSettings
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    source_candidates: _containers.RepeatedScalarFieldContainer[str]
    echo: Echo
    def __init__(self, targets: _Optional[_Iterable[_Union[TargetSettings, _Mapping]]] = ..., source_language: _Optional[str] = ..., include: _Optional[_Iterable[_Union[Inspect, str]]] = ..., segmentation: _Optional[_Union[Segmentation, str]] = ..., vad: _Optional[_Union[VadSettings, _Mapping]] = ..., guards: _Optional[_Union[GuardSettings, _Mapping]] = ..., simultaneous: _Optional[_Union[SimultaneousSettings, _Mapping]] = ..., beam_search: _Optional[_Union[BeamSearchSettings, _Mapping]] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., source_candidates: _Optional[_Iterable[str]] = ..., echo: _Optional[_Union[Echo, str]] = ...) -> None: ...

class StreamConfig(_message.Message):
    __slots__ = ("input", "output", "settings", "resume_token", "resume_from_sample", "resume_utterance_id")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_FROM_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    RESUME_UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    input: AudioFormat
    output: AudioFormat
    settings: StreamSettings
    resume_token: bytes
    resume_from_sample: int
    resume_utterance_id: int
    def __init__(self, input: _Optional[_Union[AudioFormat, _Mapping]] = ..., output: _Optional[_Union[AudioFormat, _Mapping]] = ..., settings: _Optional[_Union[StreamSettings, _Mapping]] = ..., resume_token: _Optional[bytes] = ..., resume_from_sample: _Optional[int] = ..., resume_utterance_id: _Optional[int] = ...) -> None: ...

class StreamingTranslateRequest(_message.Message):
    __slots__ = ("config", "audio", "silence", "finalize", "update", "clear", "ack", "end")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    config: StreamConfig
    audio: AudioInput
    silence: SilenceInput
    finalize: FinalizeInput
    update: UpdateInput
    clear: ClearInput
    ack: AckInput
    end: EndInput
    def __init__(self, config: _Optional[_Union[StreamConfig, _Mapping]] = ..., audio: _Optional[_Union[AudioInput, _Mapping]] = ..., silence: _Optional[_Union[SilenceInput, _Mapping]] = ..., finalize: _Optional[_Union[FinalizeInput, _Mapping]] = ..., update: _Optional[_Union[UpdateInput, _Mapping]] = ..., clear: _Optional[_Union[ClearInput, _Mapping]] = ..., ack: _Optional[_Union[AckInput, _Mapping]] = ..., end: _Optional[_Union[EndInput, _Mapping]] = ...) -> None: ...

class AudioInput(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class SilenceInput(_message.Message):
    __slots__ = ("samples",)
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    samples: int
    def __init__(self, samples: _Optional[int] = ...) -> None: ...

class FinalizeInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateInput(_message.Message):
    __slots__ = ("settings",)
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    settings: StreamSettings
    def __init__(self, settings: _Optional[_Union[StreamSettings, _Mapping]] = ...) -> None: ...

class ClearInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AckInput(_message.Message):
    __slots__ = ("seq",)
    SEQ_FIELD_NUMBER: _ClassVar[int]
    seq: int
    def __init__(self, seq: _Optional[int] = ...) -> None: ...

class EndInput(_message.Message):
    __slots__ = ("total_samples",)
    TOTAL_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    total_samples: int
    def __init__(self, total_samples: _Optional[int] = ...) -> None: ...

class StreamingTranslateResponse(_message.Message):
    __slots__ = ("seq", "opened", "speech_started", "speech_ended", "transcript", "translation", "audio", "utterance_done", "updated", "cleared", "progress", "warning", "go_away", "closed", "draft", "language_detected")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    SPEECH_STARTED_FIELD_NUMBER: _ClassVar[int]
    SPEECH_ENDED_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_DONE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    DRAFT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_DETECTED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    opened: Opened
    speech_started: SpeechStarted
    speech_ended: SpeechEnded
    transcript: TextDelta
    translation: TextDelta
    audio: SpeechChunk
    utterance_done: UtteranceDone
    updated: Updated
    cleared: Cleared
    progress: Progress
    warning: StreamWarning
    go_away: GoAway
    closed: Closed
    draft: Draft
    language_detected: LanguageDetected
    def __init__(self, seq: _Optional[int] = ..., opened: _Optional[_Union[Opened, _Mapping]] = ..., speech_started: _Optional[_Union[SpeechStarted, _Mapping]] = ..., speech_ended: _Optional[_Union[SpeechEnded, _Mapping]] = ..., transcript: _Optional[_Union[TextDelta, _Mapping]] = ..., translation: _Optional[_Union[TextDelta, _Mapping]] = ..., audio: _Optional[_Union[SpeechChunk, _Mapping]] = ..., utterance_done: _Optional[_Union[UtteranceDone, _Mapping]] = ..., updated: _Optional[_Union[Updated, _Mapping]] = ..., cleared: _Optional[_Union[Cleared, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., warning: _Optional[_Union[StreamWarning, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ..., closed: _Optional[_Union[Closed, _Mapping]] = ..., draft: _Optional[_Union[Draft, _Mapping]] = ..., language_detected: _Optional[_Union[LanguageDetected, _Mapping]] = ...) -> None: ...

class SampleRange(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("session_id", "config", "resume_token")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    config: StreamConfig
    resume_token: bytes
    def __init__(self, session_id: _Optional[str] = ..., config: _Optional[_Union[StreamConfig, _Mapping]] = ..., resume_token: _Optional[bytes] = ...) -> None: ...

class SpeechStarted(_message.Message):
    __slots__ = ("utterance_id", "position", "speech_position")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    SPEECH_POSITION_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    position: int
    speech_position: int
    def __init__(self, utterance_id: _Optional[int] = ..., position: _Optional[int] = ..., speech_position: _Optional[int] = ...) -> None: ...

class SpeechEnded(_message.Message):
    __slots__ = ("utterance_id", "source", "reason")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    source: SampleRange
    reason: EndReason
    def __init__(self, utterance_id: _Optional[int] = ..., source: _Optional[_Union[SampleRange, _Mapping]] = ..., reason: _Optional[_Union[EndReason, str]] = ...) -> None: ...

class LanguageDetected(_message.Message):
    __slots__ = ("utterance_id", "language", "probability", "sure")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SURE_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    language: str
    probability: float
    sure: bool
    def __init__(self, utterance_id: _Optional[int] = ..., language: _Optional[str] = ..., probability: _Optional[float] = ..., sure: bool = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("text", "token_id", "log_probability", "source_ms")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_MS_FIELD_NUMBER: _ClassVar[int]
    text: str
    token_id: int
    log_probability: float
    source_ms: int
    def __init__(self, text: _Optional[str] = ..., token_id: _Optional[int] = ..., log_probability: _Optional[float] = ..., source_ms: _Optional[int] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ("utterance_id", "source", "language", "delta", "final", "tokens", "heard_through_sample")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    HEARD_THROUGH_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    source: SampleRange
    language: str
    delta: str
    final: bool
    tokens: _containers.RepeatedCompositeFieldContainer[Token]
    heard_through_sample: int
    def __init__(self, utterance_id: _Optional[int] = ..., source: _Optional[_Union[SampleRange, _Mapping]] = ..., language: _Optional[str] = ..., delta: _Optional[str] = ..., final: bool = ..., tokens: _Optional[_Iterable[_Union[Token, _Mapping]]] = ..., heard_through_sample: _Optional[int] = ...) -> None: ...

class Draft(_message.Message):
    __slots__ = ("utterance_id", "language", "transcript", "heard_through_sample", "buffer_start_ms", "history", "committed", "held", "hold_reason")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    HEARD_THROUGH_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    BUFFER_START_MS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HOLD_REASON_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    language: str
    transcript: bool
    heard_through_sample: int
    buffer_start_ms: int
    history: str
    committed: str
    held: str
    hold_reason: str
    def __init__(self, utterance_id: _Optional[int] = ..., language: _Optional[str] = ..., transcript: bool = ..., heard_through_sample: _Optional[int] = ..., buffer_start_ms: _Optional[int] = ..., history: _Optional[str] = ..., committed: _Optional[str] = ..., held: _Optional[str] = ..., hold_reason: _Optional[str] = ...) -> None: ...

class SpeechChunk(_message.Message):
    __slots__ = ("utterance_id", "source", "language", "start_sample", "data", "final", "units", "character_durations", "output_lag_ms", "sample_count", "packets", "heard_through_sample")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    START_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_DURATIONS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_LAG_MS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    HEARD_THROUGH_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    source: SampleRange
    language: str
    start_sample: int
    data: bytes
    final: bool
    units: _containers.RepeatedScalarFieldContainer[int]
    character_durations: _containers.RepeatedScalarFieldContainer[int]
    output_lag_ms: int
    sample_count: int
    packets: _containers.RepeatedScalarFieldContainer[bytes]
    heard_through_sample: int
    def __init__(self, utterance_id: _Optional[int] = ..., source: _Optional[_Union[SampleRange, _Mapping]] = ..., language: _Optional[str] = ..., start_sample: _Optional[int] = ..., data: _Optional[bytes] = ..., final: bool = ..., units: _Optional[_Iterable[int]] = ..., character_durations: _Optional[_Iterable[int]] = ..., output_lag_ms: _Optional[int] = ..., sample_count: _Optional[int] = ..., packets: _Optional[_Iterable[bytes]] = ..., heard_through_sample: _Optional[int] = ...) -> None: ...

class StageTiming(_message.Message):
    __slots__ = ("stage", "duration_ms", "batch_size")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    stage: str
    duration_ms: float
    batch_size: int
    def __init__(self, stage: _Optional[str] = ..., duration_ms: _Optional[float] = ..., batch_size: _Optional[int] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("source_ms", "text_tokens", "speech_ms", "utterances")
    SOURCE_MS_FIELD_NUMBER: _ClassVar[int]
    TEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_MS_FIELD_NUMBER: _ClassVar[int]
    UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    source_ms: int
    text_tokens: int
    speech_ms: int
    utterances: int
    def __init__(self, source_ms: _Optional[int] = ..., text_tokens: _Optional[int] = ..., speech_ms: _Optional[int] = ..., utterances: _Optional[int] = ...) -> None: ...

class TextConfidence(_message.Message):
    __slots__ = ("language", "transcript", "confidence", "calibrated", "sentences")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    CALIBRATED_FIELD_NUMBER: _ClassVar[int]
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    language: str
    transcript: bool
    confidence: float
    calibrated: bool
    sentences: _containers.RepeatedCompositeFieldContainer[SentenceConfidence]
    def __init__(self, language: _Optional[str] = ..., transcript: bool = ..., confidence: _Optional[float] = ..., calibrated: bool = ..., sentences: _Optional[_Iterable[_Union[SentenceConfidence, _Mapping]]] = ...) -> None: ...

class SentenceConfidence(_message.Message):
    __slots__ = ("text_start", "text_end", "confidence", "unsure")
    TEXT_START_FIELD_NUMBER: _ClassVar[int]
    TEXT_END_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    UNSURE_FIELD_NUMBER: _ClassVar[int]
    text_start: int
    text_end: int
    confidence: float
    unsure: bool
    def __init__(self, text_start: _Optional[int] = ..., text_end: _Optional[int] = ..., confidence: _Optional[float] = ..., unsure: bool = ...) -> None: ...

class TextAlternatives(_message.Message):
    __slots__ = ("language", "transcript", "alternatives")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    language: str
    transcript: bool
    alternatives: _containers.RepeatedCompositeFieldContainer[TextAlternative]
    def __init__(self, language: _Optional[str] = ..., transcript: bool = ..., alternatives: _Optional[_Iterable[_Union[TextAlternative, _Mapping]]] = ...) -> None: ...

class TextAlternative(_message.Message):
    __slots__ = ("text", "score")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    text: str
    score: float
    def __init__(self, text: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class UtteranceDone(_message.Message):
    __slots__ = ("utterance_id", "source", "status", "usage", "timings", "end_to_first_text_ms", "end_to_first_audio_ms", "confidences", "alternatives")
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    END_TO_FIRST_TEXT_MS_FIELD_NUMBER: _ClassVar[int]
    END_TO_FIRST_AUDIO_MS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCES_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    utterance_id: int
    source: SampleRange
    status: UtteranceStatus
    usage: Usage
    timings: _containers.RepeatedCompositeFieldContainer[StageTiming]
    end_to_first_text_ms: float
    end_to_first_audio_ms: float
    confidences: _containers.RepeatedCompositeFieldContainer[TextConfidence]
    alternatives: _containers.RepeatedCompositeFieldContainer[TextAlternatives]
    def __init__(self, utterance_id: _Optional[int] = ..., source: _Optional[_Union[SampleRange, _Mapping]] = ..., status: _Optional[_Union[UtteranceStatus, str]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., timings: _Optional[_Iterable[_Union[StageTiming, _Mapping]]] = ..., end_to_first_text_ms: _Optional[float] = ..., end_to_first_audio_ms: _Optional[float] = ..., confidences: _Optional[_Iterable[_Union[TextConfidence, _Mapping]]] = ..., alternatives: _Optional[_Iterable[_Union[TextAlternatives, _Mapping]]] = ...) -> None: ...

class Updated(_message.Message):
    __slots__ = ("from_utterance_id",)
    FROM_UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    from_utterance_id: int
    def __init__(self, from_utterance_id: _Optional[int] = ...) -> None: ...

class Cleared(_message.Message):
    __slots__ = ("through_sample",)
    THROUGH_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    through_sample: int
    def __init__(self, through_sample: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("received_samples", "committed_samples", "resume_token", "applied_updates")
    RECEIVED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    APPLIED_UPDATES_FIELD_NUMBER: _ClassVar[int]
    received_samples: int
    committed_samples: int
    resume_token: bytes
    applied_updates: int
    def __init__(self, received_samples: _Optional[int] = ..., committed_samples: _Optional[int] = ..., resume_token: _Optional[bytes] = ..., applied_updates: _Optional[int] = ...) -> None: ...

class StreamWarning(_message.Message):
    __slots__ = ("code", "message", "utterance_id", "language", "lag_ms")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    LAG_MS_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    utterance_id: int
    language: str
    lag_ms: int
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., utterance_id: _Optional[int] = ..., language: _Optional[str] = ..., lag_ms: _Optional[int] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ("deadline_ms",)
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    deadline_ms: int
    def __init__(self, deadline_ms: _Optional[int] = ...) -> None: ...

class Closed(_message.Message):
    __slots__ = ("complete", "usage")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    usage: Usage
    def __init__(self, complete: bool = ..., usage: _Optional[_Union[Usage, _Mapping]] = ...) -> None: ...

class AudioClip(_message.Message):
    __slots__ = ("format", "data", "packets")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    format: AudioFormat
    data: bytes
    packets: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, format: _Optional[_Union[AudioFormat, _Mapping]] = ..., data: _Optional[bytes] = ..., packets: _Optional[_Iterable[bytes]] = ...) -> None: ...

class TranslateRequest(_message.Message):
    __slots__ = ("text", "clip", "source_language", "targets", "include", "output", "guards", "beam_search", "terms", "source_candidates", "echo")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CLIP_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    GUARDS_FIELD_NUMBER: _ClassVar[int]
    BEAM_SEARCH_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    text: str
    clip: AudioClip
    source_language: str
    targets: _containers.RepeatedCompositeFieldContainer[TargetSettings]
    include: _containers.RepeatedScalarFieldContainer[Inspect]
    output: AudioFormat
    guards: GuardSettings
    beam_search: BeamSearchSettings
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    source_candidates: _containers.RepeatedScalarFieldContainer[str]
    echo: Echo
    def __init__(self, text: _Optional[str] = ..., clip: _Optional[_Union[AudioClip, _Mapping]] = ..., source_language: _Optional[str] = ..., targets: _Optional[_Iterable[_Union[TargetSettings, _Mapping]]] = ..., include: _Optional[_Iterable[_Union[Inspect, str]]] = ..., output: _Optional[_Union[AudioFormat, _Mapping]] = ..., guards: _Optional[_Union[GuardSettings, _Mapping]] = ..., beam_search: _Optional[_Union[BeamSearchSettings, _Mapping]] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., source_candidates: _Optional[_Iterable[str]] = ..., echo: _Optional[_Union[Echo, str]] = ...) -> None: ...

class TranslateResponse(_message.Message):
    __slots__ = ("seq", "transcript", "translation", "audio", "utterance_done", "warning", "language_detected")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    TRANSLATION_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    UTTERANCE_DONE_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_DETECTED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    transcript: TextDelta
    translation: TextDelta
    audio: SpeechChunk
    utterance_done: UtteranceDone
    warning: StreamWarning
    language_detected: LanguageDetected
    def __init__(self, seq: _Optional[int] = ..., transcript: _Optional[_Union[TextDelta, _Mapping]] = ..., translation: _Optional[_Union[TextDelta, _Mapping]] = ..., audio: _Optional[_Union[SpeechChunk, _Mapping]] = ..., utterance_done: _Optional[_Union[UtteranceDone, _Mapping]] = ..., warning: _Optional[_Union[StreamWarning, _Mapping]] = ..., language_detected: _Optional[_Union[LanguageDetected, _Mapping]] = ...) -> None: ...

class ListLanguagesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListLanguagesResponse(_message.Message):
    __slots__ = ("languages",)
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    languages: _containers.RepeatedCompositeFieldContainer[Language]
    def __init__(self, languages: _Optional[_Iterable[_Union[Language, _Mapping]]] = ...) -> None: ...

class Language(_message.Message):
    __slots__ = ("code", "bcp47", "name", "speech_in", "text", "speech_out", "speaker_ids", "detected", "detection_accuracy", "detection_source")
    CODE_FIELD_NUMBER: _ClassVar[int]
    BCP47_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEECH_IN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SPEECH_OUT_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_IDS_FIELD_NUMBER: _ClassVar[int]
    DETECTED_FIELD_NUMBER: _ClassVar[int]
    DETECTION_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    DETECTION_SOURCE_FIELD_NUMBER: _ClassVar[int]
    code: str
    bcp47: str
    name: str
    speech_in: bool
    text: bool
    speech_out: bool
    speaker_ids: _containers.RepeatedScalarFieldContainer[int]
    detected: bool
    detection_accuracy: float
    detection_source: str
    def __init__(self, code: _Optional[str] = ..., bcp47: _Optional[str] = ..., name: _Optional[str] = ..., speech_in: bool = ..., text: bool = ..., speech_out: bool = ..., speaker_ids: _Optional[_Iterable[int]] = ..., detected: bool = ..., detection_accuracy: _Optional[float] = ..., detection_source: _Optional[str] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "model", "limits", "load", "front_processes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    FRONT_PROCESSES_FIELD_NUMBER: _ClassVar[int]
    version: str
    model: ModelInfo
    limits: Limits
    load: Load
    front_processes: _containers.RepeatedCompositeFieldContainer[FrontProcess]
    def __init__(self, version: _Optional[str] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., load: _Optional[_Union[Load, _Mapping]] = ..., front_processes: _Optional[_Iterable[_Union[FrontProcess, _Mapping]]] = ...) -> None: ...

class FrontProcess(_message.Message):
    __slots__ = ("index", "ready", "live_streams", "restarts", "cpu_ms")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    LIVE_STREAMS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    CPU_MS_FIELD_NUMBER: _ClassVar[int]
    index: int
    ready: bool
    live_streams: int
    restarts: int
    cpu_ms: int
    def __init__(self, index: _Optional[int] = ..., ready: bool = ..., live_streams: _Optional[int] = ..., restarts: _Optional[int] = ..., cpu_ms: _Optional[int] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "revision", "license", "device", "dtype", "notice")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    license: str
    device: str
    dtype: str
    notice: str
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., license: _Optional[str] = ..., device: _Optional[str] = ..., dtype: _Optional[str] = ..., notice: _Optional[str] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_streams", "max_targets", "max_utterance_ms", "max_message_bytes", "max_audio_chunk_bytes", "max_clip_bytes", "max_text_characters", "max_unacknowledged", "input_encodings", "output_encodings", "max_queued_input_ms", "max_queued_input_total_ms", "max_waiting_requests", "max_live_requests", "max_buffered_bytes", "max_silence_ms", "max_waiting_updates")
    MAX_STREAMS_FIELD_NUMBER: _ClassVar[int]
    MAX_TARGETS_FIELD_NUMBER: _ClassVar[int]
    MAX_UTTERANCE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_AUDIO_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CLIP_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_TEXT_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_UNACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    INPUT_ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_INPUT_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_INPUT_TOTAL_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    MAX_LIVE_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    MAX_BUFFERED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_UPDATES_FIELD_NUMBER: _ClassVar[int]
    max_streams: int
    max_targets: int
    max_utterance_ms: int
    max_message_bytes: int
    max_audio_chunk_bytes: int
    max_clip_bytes: int
    max_text_characters: int
    max_unacknowledged: int
    input_encodings: _containers.RepeatedScalarFieldContainer[Encoding]
    output_encodings: _containers.RepeatedScalarFieldContainer[Encoding]
    max_queued_input_ms: int
    max_queued_input_total_ms: int
    max_waiting_requests: int
    max_live_requests: int
    max_buffered_bytes: int
    max_silence_ms: int
    max_waiting_updates: int
    def __init__(self, max_streams: _Optional[int] = ..., max_targets: _Optional[int] = ..., max_utterance_ms: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_audio_chunk_bytes: _Optional[int] = ..., max_clip_bytes: _Optional[int] = ..., max_text_characters: _Optional[int] = ..., max_unacknowledged: _Optional[int] = ..., input_encodings: _Optional[_Iterable[_Union[Encoding, str]]] = ..., output_encodings: _Optional[_Iterable[_Union[Encoding, str]]] = ..., max_queued_input_ms: _Optional[int] = ..., max_queued_input_total_ms: _Optional[int] = ..., max_waiting_requests: _Optional[int] = ..., max_live_requests: _Optional[int] = ..., max_buffered_bytes: _Optional[int] = ..., max_silence_ms: _Optional[int] = ..., max_waiting_updates: _Optional[int] = ...) -> None: ...

class Load(_message.Message):
    __slots__ = ("uptime_ms", "live_streams", "waiting_requests", "live_requests", "busy_slots", "slots", "admitted", "rejected", "finished_requests", "failed_requests", "steps", "text_tokens", "source_ms", "speech_ms", "stream_capacity", "lag_ms")
    UPTIME_MS_FIELD_NUMBER: _ClassVar[int]
    LIVE_STREAMS_FIELD_NUMBER: _ClassVar[int]
    WAITING_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    LIVE_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    BUSY_SLOTS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    ADMITTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    FAILED_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_MS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_MS_FIELD_NUMBER: _ClassVar[int]
    STREAM_CAPACITY_FIELD_NUMBER: _ClassVar[int]
    LAG_MS_FIELD_NUMBER: _ClassVar[int]
    uptime_ms: int
    live_streams: int
    waiting_requests: int
    live_requests: int
    busy_slots: int
    slots: int
    admitted: int
    rejected: int
    finished_requests: int
    failed_requests: int
    steps: int
    text_tokens: int
    source_ms: int
    speech_ms: int
    stream_capacity: int
    lag_ms: int
    def __init__(self, uptime_ms: _Optional[int] = ..., live_streams: _Optional[int] = ..., waiting_requests: _Optional[int] = ..., live_requests: _Optional[int] = ..., busy_slots: _Optional[int] = ..., slots: _Optional[int] = ..., admitted: _Optional[int] = ..., rejected: _Optional[int] = ..., finished_requests: _Optional[int] = ..., failed_requests: _Optional[int] = ..., steps: _Optional[int] = ..., text_tokens: _Optional[int] = ..., source_ms: _Optional[int] = ..., speech_ms: _Optional[int] = ..., stream_capacity: _Optional[int] = ..., lag_ms: _Optional[int] = ...) -> None: ...
