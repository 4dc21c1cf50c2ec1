"""Plain data that crosses rooms.

Nothing here knows a transport, a tensor library or an event loop. Positions are int64 counts of samples:
those of a stream's *input* are at the declared input rate, those named ``*_samples`` inside the engine are
at 16 kHz. Ranges are half open.

One file although it is long: it is the wire contract's vocabulary, message by message, and is read beside it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

INTERNAL_SAMPLE_RATE_HZ = 16_000
"""Everything between the resampler and the output codec is mono float32 at this rate."""

FRAME_SAMPLES = 512
"""One VAD frame: 32 ms at 16 kHz."""

SAMPLES_PER_UNIT = 320
"""Samples of 16 kHz audio that the vocoder makes of one unit (20 ms)."""

Samples = npt.NDArray[np.float32]
"""Mono audio, shape ``[n_samples]``, nominally within [-1, 1]."""

EncoderSource = Samples | tuple[int, ...]
"""What an encoder is fed: 16 kHz samples to the speech encoder, the tokens of a source text (``__src__``
tokens ``</s>``) to the text encoder.
"""


class Stage(enum.Enum):
    """The stages of the engine, in the order in which a step computes them.

    The values are their names on the wire, in metrics and in traces. Nothing else lists the stages.
    """

    ENCODE = "encode"
    DECODE = "decode"
    TEXT_TO_UNIT = "text_to_unit"
    VOCODE = "vocode"


ENDPOINTING = "endpointing"
"""Name of what comes before the engine's stages: the wait from the last sample of speech to the cut."""


@dataclass(frozen=True, slots=True)
class SampleRange:
    """Half-open range ``[start, end)`` of a stream's input, in samples at the declared input rate."""

    start: int
    end: int


class Encoding(enum.Enum):
    """How the bytes of an audio chunk are to be read."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    MULAW = "mulaw"
    ALAW = "alaw"
    OPUS = "opus"
    G722 = "g722"


DEFAULT_ENCODING = Encoding.PCM_S16LE
"""Where nobody says another one."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding and rate of one direction. ``channel``, from 1, is the one to hear; 0: not said."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int = 1
    channel: int = 0


class Inspect(enum.Enum):
    """What a client may ask to see beside the results."""

    TRANSCRIPT = "transcript"
    TOKENS = "tokens"
    UNITS = "units"
    TIMINGS = "timings"


class Segmentation(enum.Enum):
    """Who decides where an utterance ends."""

    VAD = "vad"
    MANUAL = "manual"


MIN_DURATION_FACTOR = 0.5
"""Speech at twice its predicted speed; no factor may be lower."""

MAX_DURATION_FACTOR = 2.0
"""Speech at half its predicted speed; no factor may be higher."""


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """One language a stream is translated into. ``speaker_id`` None takes the language's default voice.

    ``catch_up_duration_factor``: how far speech may be hurried while earlier speech is still being played;
    None: not at all.
    """

    language: str
    text: bool = True
    speech: bool = True
    speaker_id: int | None = None
    duration_factor: float = 1.0
    catch_up_duration_factor: float | None = None


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Which guards against invented text are on."""

    voice_gate: bool = True
    repetition_stop: bool = True
    length_stop: bool = True
    script_check: bool = True


@dataclass(frozen=True, slots=True)
class VadSettings:
    """What a client may change of the segmentation; None leaves the server's default."""

    threshold: float | None = None
    min_speech_ms: int | None = None
    min_silence_ms: int | None = None
    prefix_padding_ms: int | None = None
    max_utterance_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The part of a stream's configuration that may change between utterances (always replaced whole)."""

    targets: tuple[TargetSettings, ...]
    source_language: str | None = None
    include: frozenset[Inspect] = frozenset()
    segmentation: Segmentation = Segmentation.VAD
    vad: VadSettings = VadSettings()
    guards: GuardSettings = GuardSettings()


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """The first message of a stream."""

    input: AudioFormat
    output: AudioFormat
    settings: StreamSettings
    resume_token: bytes = b""


@dataclass(frozen=True, slots=True)
class AudioClip:
    """A short recording: ``data``, or ``packets`` where the encoding consists of packets."""

    format: AudioFormat
    data: bytes = b""
    packets: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TranslateCall:
    """One text or one clip to be translated as a single utterance."""

    source: str | AudioClip
    targets: tuple[TargetSettings, ...]
    output: AudioFormat
    source_language: str | None = None
    include: frozenset[Inspect] = frozenset()
    guards: GuardSettings = GuardSettings()


# ------------------------------------------------------------------ client -> session


@dataclass(frozen=True, slots=True)
class AudioInput:
    """One chunk of audio in the declared input format."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SilenceInput:
    """``samples`` samples of silence at the input rate, without their bytes (discontinuous transmission)."""

    samples: int


@dataclass(frozen=True, slots=True)
class FinalizeInput:
    """End the running utterance here."""


@dataclass(frozen=True, slots=True)
class UpdateInput:
    """Replace the settings from the next utterance on."""

    settings: StreamSettings


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Barge-in: drop everything that is queued or in flight."""


@dataclass(frozen=True, slots=True)
class AckInput:
    """The client has received every response up to ``seq``."""

    seq: int


@dataclass(frozen=True, slots=True)
class EndInput:
    """No more input; ``total_samples`` is what the client sent, for the server to verify."""

    total_samples: int


ClientMessage = AudioInput | SilenceInput | FinalizeInput | UpdateInput | ClearInput | AckInput | EndInput


# ------------------------------------------------------------------ session -> client


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """One text token: its text, id, log-probability (natural) and, where known, its place in the source.

    ``source_ms`` is counted from the start of the utterance's audio (padding included).
    """

    text: str
    token_id: int
    log_probability: float
    source_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StageTiming:
    """Time that an utterance's share of one stage took, and the largest batch it shared.

    ``stage``: a value of ``Stage``, or ``ENDPOINTING``. A newer server may name others.
    """

    stage: str
    duration_ms: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was consumed and made, for one utterance or for a whole stream."""

    source_ms: int = 0
    text_tokens: int = 0
    speech_ms: int = 0
    utterances: int = 0


class EndReason(enum.Enum):
    """Why an utterance ended."""

    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    FINALIZE = "finalize"
    END_OF_STREAM = "end_of_stream"
    CLEARED = "cleared"


class UtteranceStatus(enum.Enum):
    """How an utterance came out."""

    OK = "ok"
    EMPTY = "empty"
    FAILED = "failed"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is admitted; ``config`` is what was negotiated, defaults filled in."""

    session_id: str
    config: StreamConfig


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was found; ``position`` is where the utterance's audio starts, padding included."""

    utterance_id: int
    position: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is cut and goes to translation."""

    utterance_id: int
    source: SampleRange
    reason: EndReason


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text to append for one language of an utterance. ``transcript`` tells the source's own text.

    ``source`` ends at what was known when it was sent. The last delta of a text has ``final`` set and may be
    empty.
    """

    utterance_id: int
    source: SampleRange
    language: str
    delta: str
    final: bool
    transcript: bool
    tokens: tuple[TokenInfo, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SpeechChunk:
    """Translated speech in the negotiated output format: ``data``, or ``packets`` where it has those.

    ``start_sample`` counts at the output rate from the start of this utterance's speech in this language;
    ``sample_count`` is what this chunk holds of it. ``units`` and ``character_durations`` are set on the
    chunk where inspection asked for them (the first one).
    """

    utterance_id: int
    source: SampleRange
    language: str
    start_sample: int
    data: bytes
    final: bool
    units: tuple[int, ...] = ()
    character_durations: tuple[int, ...] = ()
    output_lag_ms: int = 0
    sample_count: int = 0
    packets: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class UtteranceDone:
    """Exactly one per utterance, its last event."""

    utterance_id: int
    source: SampleRange
    status: UtteranceStatus
    usage: Usage
    timings: tuple[StageTiming, ...] = ()
    end_to_first_text_ms: float | None = None
    end_to_first_audio_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Updated:
    """New settings hold from this utterance on."""

    from_utterance_id: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """Everything up to this input sample was dropped."""

    through_sample: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Input received, and committed: what need not be sent again should the stream be resumed."""

    received_samples: int
    committed_samples: int
    resume_token: bytes = b""


@dataclass(frozen=True, slots=True)
class StreamWarning:
    """Something went wrong that the stream survives. ``code`` is stable, ``message`` is for people."""

    code: str
    message: str
    utterance_id: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class GoAway:
    """The server is draining; it ends the stream after ``deadline_ms``."""

    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event of a stream. ``complete`` is False when the client never said ``end``."""

    complete: bool
    usage: Usage = field(default_factory=Usage)


ResultEvent = TextDelta | SpeechChunk | UtteranceDone | StreamWarning
"""What one utterance, text or clip comes to; all that a call of Translate answers."""

SessionEvent = (
    Opened
    | SpeechStarted
    | SpeechEnded
    | TextDelta
    | SpeechChunk
    | UtteranceDone
    | Updated
    | Cleared
    | Progress
    | StreamWarning
    | GoAway
    | Closed
)


@dataclass(frozen=True, slots=True, eq=False)
class CallEnd:
    """How a transport ended a call: ``status`` is what its client was told, in the transport's words;
    ``error`` None: as the contract says; ``bytes_out``: all responses together.
    """

    status: str = ""
    error: BaseException | None = None
    bytes_out: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call. ``name`` is that of the key it came with; it stands in the log."""

    name: str


ANONYMOUS = Caller("anonymous")
"""The caller where none has to say who it is."""


# ------------------------------------------------------------------ what a server is


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The loaded checkpoint. ``license`` is an SPDX identifier, ``revision`` opaque; empty when not known."""

    name: str
    revision: str = ""
    license: str = ""
    device: str = ""
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server admits; 0 means not limited, or not served. The transport fills in its message sizes."""

    max_streams: int = 0
    max_targets: int = 0
    max_utterance_ms: int = 0
    max_message_bytes: int = 0
    max_audio_chunk_bytes: int = 0
    max_clip_bytes: int = 0
    max_text_characters: int = 0
    max_unacknowledged: int = 0
    max_queued_input_ms: int = 0
    max_queued_input_total_ms: int = 0
    max_waiting_requests: int = 0
    max_live_requests: int = 0
    max_buffered_bytes: int = 0
    max_silence_ms: int = 0
    max_waiting_updates: int = 0
    input_encodings: tuple[Encoding, ...] = ()
    output_encodings: tuple[Encoding, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """What a server is doing; ``admitted`` and all below grow only, from its start."""

    uptime_ms: int = 0
    live_streams: int = 0
    waiting_requests: int = 0
    live_requests: int = 0
    busy_slots: int = 0
    slots: int = 0
    admitted: int = 0
    rejected: int = 0
    finished_requests: int = 0
    failed_requests: int = 0
    steps: int = 0
    text_tokens: int = 0
    source_ms: int = 0
    speech_ms: int = 0


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Which version of this package serves which model, within which limits, and what it is doing now."""

    version: str
    model: ModelInfo
    limits: ServerLimits
    load: ServerLoad = ServerLoad()
