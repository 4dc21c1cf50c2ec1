"""What every server has to know: the model, where it listens, and how much it takes at once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from translate_svc.engine.options import EngineLimits, StepBudgets, default_budgets
from translate_svc.errors import OutOfRange
from translate_svc.locations import model_cache
from translate_svc.models.checkpoint.cascade_options import MAX_CASCADE_WEIGHT, MAX_TRANSCRIPT_RETRIES
from translate_svc.models.limits import MAX_TAIL_PADDING_MS
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.session.options import SessionOptions
from translate_svc.setting_sources import setting
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ
from translate_svc.vad.options import VadOptions

_LONGEST_UTTERANCE_MS = 15_000


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """The first fields of ``Settings``, and the options of the rooms that they are for.

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
            three budgets trade throughput against the pause between two tokens; see ``StepBudgets``.
        text_to_unit_budget_tokens: text tokens that one step converts to units. 0: by the device.
        vocode_budget_units: units (20 ms of speech) that one step converts to sound. 0: by the device.
        max_queued_input_total_ms: audio of all streams that waits to be segmented. Above this, new streams
            are refused with RESOURCE_EXHAUSTED.
        max_utterance_ms: longest utterance. A longer one is cut in a pause or at its quietest frame. 0: 15 s
            for streams that ask for it, and for others what ``calibrate`` found best for the checkpoint.
        tail_padding_ms: how much of its background the model hears after an utterance, so that it takes a
            last word for the last one where a client has cut right behind it. -1: what ``calibrate`` found
            best for the checkpoint, 0 if it was not calibrated.
        cascade_weight: how much the translation of the transcript counts beside that of the speech itself,
            where the better of both is taken; that of a sure transcript counts as much at least. 0: the
            speech alone is translated. -1: what ``calibrate`` found best for the checkpoint, 0 if it was not
            calibrated. Has no effect with beam search, and in simultaneous translation.
        transcript_retries: at how many other speeds an utterance is heard again if its transcript is unsure.
            The likeliest text is taken. 0: none. -1 and its effect: as of ``cascade_weight``.
        min_silence_ms: silence that ends an utterance; a client may set its own value.
        vad_threshold: probability from which a frame counts as speech; a client may set its own value.
        warn_low_confidence: warn of texts with a confidence below the checkpoint's threshold. A client can
            switch it off, but not on where it is off here.
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
    tail_padding_ms: int = setting(
        -1,
        "Background heard after an utterance; -1: what the model needs.",
        low=-1,
        high=MAX_TAIL_PADDING_MS,
    )
    cascade_weight: float = setting(
        -1.0,
        "Weight of translations through the transcript; 0: none; -1: what the model needs.",
        low=-1,
        high=MAX_CASCADE_WEIGHT,
    )
    transcript_retries: int = setting(
        -1,
        "Speeds at which unsure speech is heard again; 0: none; -1: what the model needs.",
        low=-1,
        high=MAX_TRANSCRIPT_RETRIES,
    )
    min_silence_ms: int = setting(500, "Silence that ends an utterance.")
    vad_threshold: float = setting(0.5, "Probability from which a frame counts as speech.")
    warn_low_confidence: bool = setting(True, "Warn of texts that the model is unsure of.")

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

    def tail_padding_samples(self, calibrated_ms: int) -> int:
        """``tail_padding_ms`` at 16 kHz. ``calibrated_ms``: what the checkpoint was calibrated for."""
        milliseconds = calibrated_ms if self.tail_padding_ms < 0 else self.tail_padding_ms
        return milliseconds * INTERNAL_SAMPLE_RATE_HZ // 1000

    def cascade_weight_of(self, calibrated: float) -> float:
        """``cascade_weight``. ``calibrated``: what the checkpoint was calibrated for."""
        return calibrated if self.cascade_weight < 0 else self.cascade_weight

    def transcript_retries_of(self, calibrated: int) -> int:
        """``transcript_retries``. ``calibrated``: what the checkpoint was calibrated for."""
        return calibrated if self.transcript_retries < 0 else self.transcript_retries

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
        defaults = default_budgets(device)
        return EngineLimits(
            budgets=StepBudgets(
                encode_frames=self.encode_budget_frames or defaults.encode_frames,
                text_to_unit_tokens=self.text_to_unit_budget_tokens or defaults.text_to_unit_tokens,
                vocode_units=self.vocode_budget_units or defaults.vocode_units,
            ),
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
