"""Plain data that packages exchange.

Nothing here depends on a transport, a tensor library or an event loop. Positions are int64 counts of samples:
positions in a stream's *input* are at the declared input rate, fields named ``*_samples`` inside the engine
are at 16 kHz. Ranges are half open.

The file is long on purpose: it mirrors the wire contract message by message and is read beside it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

INTERNAL_SAMPLE_RATE_HZ = 16_000
"""Everything between the resampler and the output codec is mono float32 at this rate."""

FRAME_SAMPLES = 512
"""One VAD frame: 32 ms at 16 kHz."""

SAMPLES_PER_UNIT = 320
"""Samples of 16 kHz audio that the vocoder makes from one unit (20 ms)."""

MAX_POSITION = 2**63 - 1
"""Positions in a stream's input are 64-bit integers."""

Samples = npt.NDArray[np.float32]
"""Mono audio, shape ``[n_samples]``, nominally within [-1, 1]."""

EncoderSource = Samples | tuple[int, ...]
"""Input of an encoder. The speech encoder takes 16 kHz samples, the text encoder takes the tokens of a source
text (``__src__`` tokens ``</s>``).
"""


class Stage(enum.Enum):
    """The stages of the engine, in the order in which a step computes them.

    The values are the names on the wire, in metrics and in traces. This is the only list of the stages.
    """

    ENCODE = "encode"
    DECODE = "decode"
    TEXT_TO_UNIT = "text_to_unit"
    VOCODE = "vocode"

    __hash__ = object.__hash__  # that of Enum is written in Python, and every item of a step needs several


ENDPOINTING = "endpointing"
"""Name of the wait before the engine's stages: from the last sample of speech to the end of the utterance."""


@dataclass(frozen=True, slots=True)
class SampleRange:
    """Half-open range ``[start, end)`` of a stream's input, in samples at the declared input rate."""

    start: int
    end: int


class Encoding(enum.Enum):
    """How an audio chunk encodes its samples."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    MULAW = "mulaw"
    ALAW = "alaw"
    OPUS = "opus"
    G722 = "g722"


DEFAULT_ENCODING = Encoding.PCM_S16LE
"""The encoding of a client that names none."""
SAMPLES_ENCODING = Encoding.PCM_F32LE
"""The encoding of ``Samples`` as they are in memory."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding and rate of one direction. ``channel`` is the one to translate, from 1; 0: not set."""

    encoding: Encoding
    sample_rate_hz: int
    channels: int = 1
    channel: int = 0


class Inspect(enum.Enum):
    """What a client may request in addition to the results."""

    TRANSCRIPT = "transcript"
    TOKENS = "tokens"
    UNITS = "units"
    TIMINGS = "timings"
    DRAFTS = "drafts"
    ALTERNATIVES = "alternatives"


class Segmentation(enum.Enum):
    """Who decides where an utterance ends: the server at once, the client, or the server by hindsight:
    after 30 s of speech at the most.
    """

    VAD = "vad"
    MANUAL = "manual"
    HINDSIGHT = "hindsight"


MIN_DURATION_FACTOR = 0.5
"""Lowest allowed factor: speech at twice its predicted speed."""

MAX_DURATION_FACTOR = 2.0
MAX_BEAMS = 8
"""Highest allowed factor: speech at half its predicted speed."""


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """One target language of a stream. ``speaker_id`` None selects the language's default voice.

    ``catch_up_duration_factor``: the lowest duration factor that may be used while earlier speech is still
    playing; None: speech is never sped up.
    """

    language: str
    text: bool = True
    speech: bool = True
    speaker_id: int | None = None
    duration_factor: float = 1.0
    catch_up_duration_factor: float | None = None


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """Which guards against hallucinated text are on."""

    voice_gate: bool = True
    repetition_stop: bool = True
    length_stop: bool = True
    script_check: bool = True
    low_confidence: bool = True


@dataclass(frozen=True, slots=True)
class VadSettings:
    """Segmentation settings that a client may change; None keeps the server's default."""

    threshold: float | None = None
    min_speech_ms: int | None = None
    min_silence_ms: int | None = None
    prefix_padding_ms: int | None = None
    max_utterance_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SimultaneousSettings:
    """Simultaneous translation: text and speech come while the speaker still speaks. None takes the default.

    Attributes:
        step_ms: audio between two drafts. Shorter: less lag, more work.
        patience_frames: encoder frames at the end of the audio that are not trusted yet. More: fewer errors,
            more lag. By default what the checkpoint's calibration found.
        max_buffer_ms: most audio that a draft hears.
    """

    step_ms: int | None = None
    patience_frames: int | None = None
    max_buffer_ms: int | None = None


@dataclass(frozen=True, slots=True)
class BeamSearchSettings:
    """Beam search: of several texts that are followed together the likeliest one. None takes the default.

    Attributes:
        num_beams: how many; 1 to 8, by default 5.
        length_penalty: the exponent of the length by which a text's log-probability is divided; -4 to 4, by
            default 1. Higher: longer texts.
    """

    num_beams: int | None = None
    length_penalty: float | None = None


AUTO = "auto"
"""In place of a source language: it is found out."""


class Echo(enum.Enum):
    """What becomes of a target whose language is spoken already.

    Members:
        SPEAK: it is written and spoken like any other target.
        TEXT: it is written, not spoken.
        SILENT: nothing.
        PASS: it is written, and the speaker's own sound takes the place of its speech.
    """

    SPEAK = "speak"
    TEXT = "text"
    SILENT = "silent"
    PASS = "pass"


MAX_TERMS = 500
"""Most terms in a stream or a call."""

MAX_TERM_CHARACTERS = 64
"""Most characters of a term's source and of its target."""


@dataclass(frozen=True, slots=True)
class Term:
    """Words of the caller's own: where the source says ``source``, the translation contains ``words``.

    Attributes:
        source: words of the source language.
        target: words of the target language; empty to keep those of the source.
        language: the target that it is for; empty for every target.
    """

    source: str
    target: str = ""
    language: str = ""

    @property
    def words(self) -> str:
        """What the translation contains, unaltered."""
        return self.target or self.source


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The settings of a stream that may change between utterances. An update replaces all of them."""

    targets: tuple[TargetSettings, ...]
    source_language: str | None = None
    include: frozenset[Inspect] = frozenset()
    segmentation: Segmentation = Segmentation.VAD
    vad: VadSettings = VadSettings()
    guards: GuardSettings = GuardSettings()
    simultaneous: SimultaneousSettings | None = None
    beam_search: BeamSearchSettings | None = None
    source_candidates: tuple[str, ...] = ()
    echo: Echo = Echo.SPEAK
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """The first message of a stream.

    With ``resume_token`` it continues a stream that broke, and then ``resume_from_sample`` is the position
    of the first sample that follows (None: the commit point), ``resume_utterance_id`` the next utterance's
    id (None: that of the token).
    """

    input: AudioFormat
    output: AudioFormat
    settings: StreamSettings
    resume_token: bytes = b""
    resume_from_sample: int | None = None
    resume_utterance_id: int | None = None


@dataclass(frozen=True, slots=True)
class AudioClip:
    """A short recording: ``data``, or ``packets`` if the encoding consists of packets."""

    format: AudioFormat
    data: bytes = b""
    packets: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TranslateRequest:
    """One text or one clip to translate as a single utterance."""

    source: str | AudioClip
    targets: tuple[TargetSettings, ...]
    output: AudioFormat
    source_language: str | None = None
    include: frozenset[Inspect] = frozenset()
    guards: GuardSettings = GuardSettings()
    beam_search: BeamSearchSettings | None = None
    source_candidates: tuple[str, ...] = ()
    echo: Echo = Echo.SPEAK
    terms: tuple[Term, ...] = ()


# ------------------------------------------------------------------ client -> session


@dataclass(frozen=True, slots=True)
class AudioInput:
    """One chunk of audio in the declared input format."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SilenceInput:
    """``samples`` samples of silence at the input rate, sent without bytes (discontinuous transmission)."""

    samples: int


@dataclass(frozen=True, slots=True)
class FinalizeInput:
    """End the current utterance here."""


@dataclass(frozen=True, slots=True)
class UpdateInput:
    """Replace the settings, starting with the next utterance."""

    settings: StreamSettings


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Barge-in: discard everything that is queued or in flight."""


@dataclass(frozen=True, slots=True)
class AckInput:
    """The client has received every response up to ``seq``."""

    seq: int


@dataclass(frozen=True, slots=True)
class EndInput:
    """No more input. ``total_samples`` is what was sent, which the server verifies; 0: not counted."""

    total_samples: int = 0


ClientMessage = AudioInput | SilenceInput | FinalizeInput | UpdateInput | ClearInput | AckInput | EndInput


# ------------------------------------------------------------------ session -> client


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """One text token: its text, id, natural log-probability and, if known, its time in the source.

    ``text`` has what stands before it in the text, too: a space, and in a text of several sentences marks.
    ``source_ms`` counts from the start of the utterance's audio, padding included.
    """

    text: str
    token_id: int
    log_probability: float
    source_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StageTiming:
    """Time that one stage took for an utterance, and the largest batch that the utterance was part of.

    ``stage``: a value of ``Stage``, or ``ENDPOINTING``. A newer server may send other names.
    """

    stage: str
    duration_ms: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Amounts of input and output, for one utterance or for a whole stream."""

    source_ms: int = 0
    text_tokens: int = 0
    speech_ms: int = 0
    utterances: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.source_ms + other.source_ms,
            self.text_tokens + other.text_tokens,
            self.speech_ms + other.speech_ms,
            self.utterances + other.utterances,
        )


class EndReason(enum.Enum):
    """Why an utterance ended."""

    SILENCE = "silence"
    MAX_LENGTH = "max_length"
    FINALIZE = "finalize"
    END_OF_STREAM = "end_of_stream"
    CLEARED = "cleared"
    CONTINUED = "continued"
    GOING_AWAY = "going_away"


class UtteranceStatus(enum.Enum):
    """The result of an utterance."""

    OK = "ok"
    EMPTY = "empty"
    FAILED = "failed"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is admitted. ``config`` is the negotiated configuration, with all defaults filled in.

    ``resume_token`` is that of ``Progress``, until the first one comes.
    """

    session_id: str
    config: StreamConfig
    resume_token: bytes = b""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was detected. ``position`` is the start of the utterance's audio, padding included. Speech was
    first heard at ``speech_position``; 0 from a server that does not tell.
    """

    utterance_id: int
    position: int
    speech_position: int = 0


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance has ended and goes to translation."""

    utterance_id: int
    source: SampleRange
    reason: EndReason


@dataclass(frozen=True, slots=True)
class LanguageDetected:
    """The language of an utterance, found out by its sound.

    Attributes:
        language: a Seamless code; empty: it is not known.
        probability: of the likeliest candidate, 0 to 1; of a language that was told before, of that.
        sure: whether ``language`` is the likeliest candidate and probable enough. If not, it was assumed, or
            what was heard last sounds like another.
    """

    utterance_id: int
    language: str
    probability: float
    sure: bool


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Text to append for one language of an utterance. ``transcript`` marks text in the source language.

    ``source`` ends where the utterance ended when the delta was sent. The last delta of a text has ``final``
    set and may be empty. The texts of ``tokens`` make ``delta``. What stands behind a sentence of a text, and
    a mark alone, no token made: such a delta has none.
    """

    utterance_id: int
    source: SampleRange
    language: str
    delta: str
    final: bool
    transcript: bool
    tokens: tuple[TokenInfo, ...] = ()
    heard_through_sample: int = 0

    def led_by(self, before: str) -> TextDelta:
        """This delta with ``before`` in front of it. The token that it begins with has it, too."""
        if not before:
            return self
        tokens = list(self.tokens)
        first = next((index for index, token in enumerate(tokens) if token.text), None)
        if first is not None:
            tokens[first] = replace(tokens[first], text=before + tokens[first].text)
        return replace(self, delta=before + self.delta, tokens=tuple(tokens))


@dataclass(frozen=True, slots=True, eq=False)
class SpeechChunk:
    """Translated speech in the negotiated output format: ``data``, or ``packets`` if the encoding has them.

    ``start_sample`` counts at the output rate from the start of this utterance's speech in this language.
    ``sample_count`` is the number of samples in this chunk.

    ``units`` and ``character_durations``, if the client requested them: what became known since the chunk
    before, for speech from this chunk on. Joined they are those of the whole speech, without the pauses
    between the sentences of a text. A whole utterance has them on the first chunk, a text on the first chunk
    of each sentence, simultaneous translation on any.
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
    heard_through_sample: int = 0


@dataclass(frozen=True, slots=True)
class DraftReport:
    """One draft of simultaneous translation, for one language: its text, and the part that was held.

    Attributes:
        heard_through_sample: input sample through which the draft heard.
        buffer_start_ms: where its audio begins, from the start of the utterance's audio.
        history: text that was committed before and that the decoder was given.
        committed: text that was committed now; it comes as deltas too.
        held: text that was held.
        hold_reason: why the first held token was held: ``near_end``, ``disagrees``, ``incomplete_word``,
            ``loop`` or ``end_of_text``; empty if nothing was held.
    """

    utterance_id: int
    language: str
    transcript: bool
    heard_through_sample: int
    buffer_start_ms: int
    history: str
    committed: str
    held: str
    hold_reason: str


SERVER_LOST = "server_lost"
"""The code of the client's own warning while no server continues its stream."""

NO_SPEECH = "no_speech"
"""Code of the warning of an utterance in which nobody speaks."""

LOW_CONFIDENCE = "low_confidence"
"""Code of the warning of a text that the model is unsure of."""


@dataclass(frozen=True, slots=True)
class SentenceConfidence:
    """How sure the model is of the translation of one sentence of a text.

    Attributes:
        text_start: where it begins in the translated text, in code points.
        text_end: behind its last code point.
        confidence: as ``TextConfidence.confidence``.
        unsure: whether a warning ``low_confidence`` was sent of it.
    """

    text_start: int
    text_end: int
    confidence: float
    unsure: bool


@dataclass(frozen=True, slots=True)
class TextConfidence:
    """How sure the model is of one text of an utterance.

    Attributes:
        language: of the text, as a Seamless code.
        transcript: whether it is the text in the source's own language.
        confidence: 0 to 1. Calibrated: the probability that the text is right.
        calibrated: whether the checkpoint has a calibration. Without one the confidence is the geometric mean
            of the tokens' probabilities, which only compares texts of the same checkpoint.
        sentences: of a typed text of several sentences, those that have a translation; ``confidence`` is the
            least of theirs.
    """

    language: str
    transcript: bool
    confidence: float
    calibrated: bool
    sentences: tuple[SentenceConfidence, ...] = ()


@dataclass(frozen=True, slots=True)
class TextAlternative:
    """A text that beam search found.

    ``score``: its natural log-probability over its length in tokens to the power of the length penalty.
    """

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class TextAlternatives:
    """What beam search found for one text of an utterance, the best first: the first one is the text itself.

    ``language``: a Seamless code. ``transcript``: whether it is the text in the source's own language.
    """

    language: str
    transcript: bool
    alternatives: tuple[TextAlternative, ...]


@dataclass(frozen=True, slots=True)
class UtteranceDone:
    """The last event of an utterance; there is exactly one.

    ``confidences``: of each text that is not empty, the transcript last. ``alternatives``: in their order, if
    they were asked for.
    """

    utterance_id: int
    source: SampleRange
    status: UtteranceStatus
    usage: Usage
    timings: tuple[StageTiming, ...] = ()
    end_to_first_text_ms: float | None = None
    end_to_first_audio_ms: float | None = None
    confidences: tuple[TextConfidence, ...] = ()
    alternatives: tuple[TextAlternatives, ...] = ()


@dataclass(frozen=True, slots=True)
class Updated:
    """The new settings apply from this utterance on."""

    from_utterance_id: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """Everything up to this input sample was discarded."""

    through_sample: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Input received, and input committed. A resumed stream need not send committed input again.

    ``applied_updates``: how many updates of the settings, from the first on, ``resume_token`` holds.
    """

    received_samples: int
    committed_samples: int
    resume_token: bytes = b""
    applied_updates: int = 0


@dataclass(frozen=True, slots=True)
class StreamWarning:
    """A problem that does not end the stream. ``code`` is stable, ``message`` is for people.

    ``lag_ms``: how far the results are behind, if the warning is about lag.
    """

    code: str
    message: str
    utterance_id: int | None = None
    language: str | None = None
    lag_ms: int | None = None


@dataclass(frozen=True, slots=True)
class GoAway:
    """The server is draining and ends the stream after ``deadline_ms``."""

    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event of a stream. ``complete`` is False if the client never sent ``end``."""

    complete: bool
    usage: Usage = field(default_factory=Usage)


ResultEvent = LanguageDetected | TextDelta | SpeechChunk | UtteranceDone | StreamWarning
"""Events with the results of one utterance, text or clip. A call of Translate returns no others."""

SessionEvent = (
    Opened
    | SpeechStarted
    | SpeechEnded
    | LanguageDetected
    | TextDelta
    | SpeechChunk
    | DraftReport
    | UtteranceDone
    | Updated
    | Cleared
    | Progress
    | StreamWarning
    | GoAway
    | Closed
)


@dataclass(frozen=True, slots=True, eq=False)
class CallOutcome:
    """How a transport ended a call.

    Attributes:
        status: the status that the client received, as the transport names it.
        error: why the call failed; None: it ended normally.
        bytes_out: size of all responses together.
    """

    status: str = ""
    error: BaseException | None = None
    bytes_out: int = 0


class Scope(enum.Enum):
    """A kind of call that a caller may make.

    ``STREAM``: streams, sessions and files. ``TRANSLATE``: single texts and clips. ``INFO``: what the server
    is and does. ``SECRETS``: client secrets for web pages.
    """

    STREAM = "stream"
    TRANSLATE = "translate"
    INFO = "info"
    SECRETS = "secrets"


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """What one caller may use. None: not limited.

    Attributes:
        max_streams: streams and calls that are open at the same time.
        audio_s_per_minute: seconds of audio that it may send in a minute, on average.
        audio_burst_s: seconds of audio that it may send in one burst after a pause.
        max_targets: target languages of one stream or call.
        models: names of the models that it may use.
    """

    max_streams: int | None = None
    audio_s_per_minute: float | None = None
    audio_burst_s: float = 60.0
    max_targets: int | None = None
    models: frozenset[str] | None = None

    def within(self, limits: ServerLimits) -> ServerLimits:
        """The limits of a server as they are for this caller."""
        streams = min(limits.max_streams, self.max_streams or limits.max_streams)
        targets = min(limits.max_targets, self.max_targets or limits.max_targets)
        return replace(limits, max_streams=streams, max_targets=targets)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call, and what it may do.

    Attributes:
        name: of its API key, its token's subject or its certificate; no two callers share one. It appears in
            the log.
        class_name: the class of callers that it belongs to; it appears in metrics. Empty: none.
        limits: what it may use.
        scopes: the kinds of calls that it may make.
    """

    name: str
    class_name: str = ""
    limits: CallerLimits = CallerLimits()
    scopes: frozenset[Scope] = frozenset(Scope)

    def holder(self, otherwise: str = "") -> str:
        """Whose the places and shares are that its calls take: the caller's, by name. ``otherwise`` for
        ``ANONYMOUS``, for nothing tells such callers apart.
        """
        return otherwise if self.name == ANONYMOUS.name else f"caller {self.name}"


ANONYMOUS = Caller("anonymous")
"""The caller on a server that does not ask who calls."""


# ------------------------------------------------------------------ server information


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The loaded checkpoint. ``license`` is an SPDX identifier, ``revision`` is opaque; empty: not known.
    ``notice`` is one line that everybody who uses the model must know; may be empty.
    """

    name: str
    revision: str = ""
    license: str = ""
    device: str = ""
    dtype: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Limits of a server. 0 means not limited, or not served. The transport fills in its message sizes."""

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
    """What a server is doing now. The fields from ``admitted`` to ``speech_ms`` only grow, from its start.

    ``stream_capacity``: streams and calls that it keeps up with, as measured. ``lag_ms``: how far the slower
    streams are behind.
    """

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
    stream_capacity: int = 0
    lag_ms: int = 0


@dataclass(frozen=True, slots=True)
class FrontProcess:
    """What one front process of a server does. ``index``: from 0; one that ends is started again as the same.

    ``ready``: it accepts connections. ``live_streams``: streams and calls that it serves. ``restarts``: how
    often it was started again. ``cpu_ms``: processor time since its last start.
    """

    index: int
    ready: bool
    live_streams: int
    restarts: int
    cpu_ms: int


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Package version, model, limits and current load of a server; and its front processes, if it has any
    apart from the engine's process.
    """

    version: str
    model: ModelInfo
    limits: ServerLimits
    load: ServerLoad = ServerLoad()
    front_processes: tuple[FrontProcess, ...] = ()
