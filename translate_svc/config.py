"""Settings of a server: from flags, the environment (``TRANSLATE_SVC_*``), a file, or their defaults.

Only ``cli`` and the modules that build a service read them. Every other package gets options of its own.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from translate_svc.engine.options import CPU_BUDGETS, GPU_BUDGETS, EngineLimits
from translate_svc.errors import InvalidArgument, OutOfRange, TranslateSvcError
from translate_svc.locations import model_cache
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.options import SessionOptions
from translate_svc.setting_sources import SettingInfo, SettingSources, info_of, setting
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ
from translate_svc.vad.options import VadOptions

_LONGEST_UTTERANCE_MS = 15_000
_NEEDED = {"tls_certificate": "tls_key", "tls_key": "tls_certificate", "tls_client_ca": "tls_certificate"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can set. The field ``max_streams`` is the variable
    ``TRANSLATE_SVC_MAX_STREAMS``, the flag ``--max-streams``, and ``max_streams`` in a settings file.

    Attributes:
        config: a TOML or YAML file with settings. Flags and variables count more than the file.
        model: a directory, or the name of one inside ``model_cache``.
        model_cache: the directory of named models. By default ``model_cache/`` of the checkout, or the user's
            cache if the package is installed.
        host: address to listen on, or ``unix:PATH``.
        port: 0 takes a free port.
        insecure: serve plaintext on an address that is not loopback.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ...
        dtype: ``auto`` (what is fastest here without a loss of quality), ``float32``, ``bfloat16``,
            ``float16`` (on a GPU) or ``int8`` (on a CPU). The vocoder always computes in float32.
        graphs: capture decoding, text-to-unit and vocoder as CUDA graphs at the start. No effect on a CPU.
        max_streams: concurrent live streams. Further streams are refused with RESOURCE_EXHAUSTED.
        measure_capacity: within ``max_streams``, admit as many streams as the engine keeps up with, and
            degrade them when it falls behind.
        max_slots: sequences (utterances times targets) that decode together.
        max_slot_tokens: longest text of one utterance, source or translation, in tokens, its prompt included.
        max_source_tokens: longest source text, in tokens. 0: as ``max_slot_tokens``. Where speech is served
            above all, 96 makes the part of a slot that holds its source a third as large.
        max_waiting_requests: utterances that wait for slots.
        admission_window: waiting utterances among which the longest goes first. 1: first come, first served.
        min_encode_steps: decode steps for which encodings may delay texts though no utterance waits; 1: live.
        encode_budget_frames: source frames (32 ms) that one step of the engine encodes. 0: by the device. The
            three budgets trade throughput against the pause between two tokens; see ``EngineLimits``.
        text_to_unit_budget_tokens: text tokens that one step converts to units. 0: by the device.
        vocode_budget_units: units (20 ms of speech) that one step converts to sound. 0: by the device.
        max_queued_input_total_ms: audio of all streams that waits to be segmented. Above this, new streams
            are refused with RESOURCE_EXHAUSTED.
        max_utterance_ms: longest utterance. A longer one is cut in a pause or at its quietest frame. 0: 15 s
            for streams that ask for it, and for others what ``calibrate`` found best for the checkpoint.
        min_silence_ms: silence that ends an utterance; a client may set its own value.
        vad_threshold: probability from which a frame counts as speech; a client may set its own value.
        warn_low_confidence: warn of texts with a confidence below the checkpoint's threshold. A client can
            switch it off, but not on where it is off here.
        tls_certificate: PEM file with the server's certificate chain. Read again when it changes.
        tls_key: PEM file with the certificate's private key. Read again when it changes.
        tls_client_ca: PEM file with the authorities of client certificates. Clients without such a
            certificate are then refused (mTLS). Read again when it changes.
        api_keys: file with the hashes of the keys that callers need; see ``translate-svc keys``. Read again
            when it changes.
        callers: TOML or YAML file with classes of callers and their limits, and with the issuers whose tokens
            are taken; see docs/callers.md. Read again when it changes.
        resume_keys: file with the keys of resume tokens, shared by the servers of a deployment; see
            ``translate-svc keys resume``. Read again when it changes. Empty: a key of this process alone.
        resume_lifetime_s: how long a stream can be resumed after its last commit point.
        keepalive_time_ms: the server pings a client after this time without any data from it.
        keepalive_timeout_ms: how long the client's TCP may leave sent data unacknowledged.
        ping_timeout_ms: how long the client may leave the ping unanswered.
        drain_grace_s: time that live streams get to finish after SIGTERM.
        step_timeout_s: an engine step that takes longer counts as a hang and ends the process. The first step
            may take 4 times as long.
        http: also serve OpenAI's protocol over HTTP and WebSockets, on this ``host:port``; empty: do not.
        http_origins: web origins whose pages may call over HTTP, separated by commas; ``*``: any.
        http_ice_servers: STUN and TURN servers for calls over WebRTC, separated by commas
            (``turn:USER:PASSWORD@HOST:PORT``); empty: this machine's own addresses.
        http_source_language: what speakers speak where a session over HTTP does not say; empty: not known.
        telephone: file with the telephone providers that may call; see docs/protocols/telephone.md.
        audiosocket: also serve Asterisk's AudioSocket on this ``host:port``; needs ``telephone``.
        riva: also serve NVIDIA Riva's services on the port of gRPC; see docs/protocols/riva.md.
        front_processes: processes that own connections, streams and voice activity detection, in front of one
            that owns the engine. 1: all in one process. 0: 4 with a GPU, whose engine would wait for Python
            otherwise, and 1 without one or where processes cannot share an address.
        admin: serve metrics and probes over HTTP.
        admin_host: address that the admin port listens on.
        admin_port: 0 takes a free port.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``json``, ``logfmt`` (``key=value``) or ``text`` (for people); ``auto``: ``text`` on a
            terminal, else ``json``.
    """

    config: str = setting("", "Read settings from this file (TOML or YAML).", metavar="FILE")
    model: str = setting("starter", "Directory, or a name inside --model-cache.")
    model_cache: str = setting(str(model_cache()), "Directory of named models.")
    host: str = setting("127.0.0.1", "Address to listen on, or unix:PATH.")
    port: int = setting(50051, "Port to listen on; 0 takes a free one.", low=0, high=65_535)
    insecure: bool = setting(False, "Serve plaintext on an address that is not loopback.")
    device: str = setting("auto", "auto, cpu, cuda, cuda:1, ...")
    dtype: str = setting("auto", "auto, float32, bfloat16, float16 (GPU) or int8 (CPU).")
    graphs: bool = setting(True, "Use CUDA graphs, on a GPU.")
    max_streams: int = setting(32, "Live streams at once.", low=1, high=100_000)
    measure_capacity: bool = setting(True, "Admit no more streams than the engine keeps up with.")
    max_slots: int = setting(16, "Sequences that decode at once.", low=1, high=4_096)
    max_slot_tokens: int = setting(256, "Longest text of one utterance, in tokens.", low=3, high=4_096)
    max_source_tokens: int = setting(
        0, "Longest source text, in tokens; 0: as --max-slot-tokens.", low=0, high=4_096
    )
    max_waiting_requests: int = setting(64, "Utterances that wait for slots.", low=1, high=100_000)
    admission_window: int = setting(
        1, "Waiting utterances among which the longest goes first.", low=1, high=100_000
    )
    min_encode_steps: int = setting(1, "Decode steps for which texts wait for encodings.", low=1, high=10_000)
    encode_budget_frames: int = setting(
        0, "Source frames encoded in a step; 0: 480 on a CPU, 3,840 on a GPU.", low=0, high=1_000_000
    )
    text_to_unit_budget_tokens: int = setting(
        0, "Text tokens made units in a step; 0: 256 on a CPU, 2,048 on a GPU.", low=0, high=1_000_000
    )
    vocode_budget_units: int = setting(
        0, "Units made sound in a step; 0: 200 on a CPU, 1,600 on a GPU.", low=0, high=1_000_000
    )
    max_queued_input_total_ms: int = setting(
        120_000, "Audio of all streams that waits to be segmented.", low=1, high=86_400_000
    )
    max_utterance_ms: int = setting(0, "Longest utterance. 0: 15 s, and usually what the model handles well.")
    min_silence_ms: int = setting(500, "Silence that ends an utterance.")
    vad_threshold: float = setting(0.5, "Probability from which a frame counts as speech.")
    warn_low_confidence: bool = setting(True, "Warn of texts that the model is unsure of.")
    tls_certificate: str = setting("", "Serve TLS with this certificate; needs --tls-key.", metavar="PEM")
    tls_key: str = setting("", "The certificate's private key.", metavar="PEM")
    tls_client_ca: str = setting(
        "", "Refuse clients without a certificate of these authorities (mTLS).", metavar="PEM"
    )
    api_keys: str = setting("", "Refuse callers without a key; see `keys new`.", metavar="FILE")
    callers: str = setting(
        "", "Limits of callers, and whose tokens or certificates name them.", metavar="FILE"
    )
    resume_keys: str = setting(
        "", "Keys by which servers resume each other's streams; see `keys resume`.", metavar="FILE"
    )
    resume_lifetime_s: float = setting(
        3_600.0, "How long a stream can be resumed after its last commit point.", low=1, high=86_400
    )
    keepalive_time_ms: int = setting(
        20_000, "Ping a client after this time without data from it.", low=1_000, high=7_200_000
    )
    keepalive_timeout_ms: int = setting(
        10_000, "Time a client's TCP may take to acknowledge data.", low=1_000, high=7_200_000
    )
    ping_timeout_ms: int = setting(
        10_000, "Time a client may take to answer the ping.", low=1_000, high=7_200_000
    )
    drain_grace_s: float = setting(20.0, "Time that streams get to finish after SIGTERM.", low=0, high=86_400)
    http: str = setting("", "Serve OpenAI's protocol over HTTP here, too.", metavar="HOST:PORT")
    http_origins: str = setting("", "Origins whose web pages may call over HTTP.", metavar="ORIGIN,...")
    http_ice_servers: str = setting("", "STUN and TURN servers for calls over WebRTC.", metavar="URL,...")
    http_source_language: str = setting("", "Language of speakers where a session names none.", metavar="TAG")
    telephone: str = setting("", "Telephone providers that may call, and their calls.", metavar="FILE")
    audiosocket: str = setting("", "Serve Asterisk's AudioSocket here, too.", metavar="HOST:PORT")
    riva: bool = setting(False, "Serve NVIDIA Riva's protocol on the same port, too.")
    front_processes: int = setting(
        0, "Processes for connections and streams, in front of the engine; 0: by the device.", low=0, high=256
    )
    admin: bool = setting(True, "Serve metrics and probes over HTTP.")
    admin_host: str = setting("127.0.0.1", "Address of the admin port.")
    admin_port: int = setting(9464, "Port of metrics and probes; 0 takes a free one.", low=0, high=65_535)
    step_timeout_s: float = setting(
        30.0, "An engine step that takes longer ends the process.", low=0.1, high=3_600
    )
    log_level: str = setting("info", "debug, info, warning or error.")
    log_format: str = setting("auto", "auto, text, json or logfmt; auto is text on a terminal, else json.")

    def __post_init__(self) -> None:
        if not self.model:
            raise InvalidArgument("must name a model", field="model")
        for name, info in setting_infos().items():
            if info.low is None or info.high is None:
                continue
            if not info.low <= getattr(self, name) <= info.high:
                raise OutOfRange(f"must be {info.low} to {info.high}", field=name)
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise InvalidArgument("must be debug, info, warning or error", field="log_level")
        for name, needed in _NEEDED.items():
            if getattr(self, name) and not getattr(self, needed):
                raise InvalidArgument(f"needs {needed}", field=name)
        if self.log_format not in ("auto", "text", "json", "logfmt"):
            raise InvalidArgument("must be auto, text, json or logfmt", field="log_format")
        self.vad_options()

    @classmethod
    def load(cls, flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Self:
        """Settings from flags that are not None, then the environment, the file ``config``, and the defaults.

        Raises:
            InvalidArgument: a value has the wrong type or exceeds its limits, or a name is not a setting. The
                field is the name of the flag or the variable that holds the value, or file and name.
        """
        sources = SettingSources(flags, environment, _kinds())
        try:
            return cls(**sources.values())
        except TranslateSvcError as error:
            raise sources.as_given(error) from None

    @property
    def address(self) -> str:
        """The address that the transport listens on."""
        if self.host.startswith("unix:"):
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def longest_utterance_ms(self) -> int:
        """The longest utterance that a stream may ask for."""
        return self.max_utterance_ms or _LONGEST_UTTERANCE_MS

    def admission_options(self) -> AdmissionOptions:
        """Options of ``session.admission``."""
        return AdmissionOptions(
            max_streams=self.max_streams,
            max_waiting_requests=self.max_waiting_requests,
            max_queued_input_ms=self.max_queued_input_total_ms,
        )

    def capacity_options(self) -> CapacityOptions:
        """Options of ``session.capacity``."""
        return CapacityOptions(self.max_streams, measured=self.measure_capacity)

    def vad_options(self) -> VadOptions:
        """Options of the segmentation.

        Raises:
            OutOfRange: a value exceeds its limits. Names the field of these settings.
        """
        names = {"threshold": "vad_threshold"}
        try:
            return VadOptions(
                threshold=self.vad_threshold,
                min_silence_ms=self.min_silence_ms,
                max_utterance_ms=self.longest_utterance_ms,
            )
        except OutOfRange as error:
            raise OutOfRange(error.description, field=names.get(error.field, error.field)) from None

    def engine_limits(self, *, model_tokens: int, device: str = "cpu") -> EngineLimits:
        """Limits of the engine.

        ``model_tokens``: size of the checkpoint's position table. ``device``: where the model computes; the
        budgets of a step depend on it.
        """
        budgets = GPU_BUDGETS if device.startswith("cuda") else CPU_BUDGETS
        return EngineLimits(
            encode_budget_frames=self.encode_budget_frames or budgets.encode_frames,
            text_to_unit_budget_tokens=self.text_to_unit_budget_tokens or budgets.text_to_unit_tokens,
            vocode_budget_units=self.vocode_budget_units or budgets.vocode_units,
            max_slots=self.max_slots,
            max_slot_tokens=min(self.max_slot_tokens, model_tokens),
            max_source_tokens=min(self.max_source_tokens or self.max_slot_tokens, model_tokens),
            max_source_samples=self.longest_utterance_ms * INTERNAL_SAMPLE_RATE_HZ // 1000,
            max_waiting_requests=self.max_waiting_requests,
            admission_window=self.admission_window,
            min_encode_steps=self.min_encode_steps,
        )

    def session_options(self) -> SessionOptions:
        """Options of a session."""
        defaults = SessionOptions()
        # the transcript takes a slot of its own, and a request takes all of its slots together
        return dataclasses.replace(
            defaults, max_targets=max(1, min(defaults.max_targets, self.max_slots - 1))
        )


def as_given(
    error: TranslateSvcError, flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> InvalidArgument:
    """``error`` of a setting, in the operator's words: ``--tls-key``, ``TRANSLATE_SVC_TLS_KEY`` or
    ``server.toml: tls_key``. See ``SettingSources.as_given``.
    """
    return SettingSources(flags, environment, _kinds()).as_given(error)


def setting_infos() -> dict[str, SettingInfo]:
    """The ``SettingInfo`` of each field of ``Settings``, in their order."""
    return {field.name: info_of(field) for field in fields(Settings)}


def _kinds() -> dict[str, type]:
    return {field.name: type(field.default) for field in fields(Settings)}
