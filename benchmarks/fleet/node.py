"""What a node with many cores and one GPU carries, on paper.

The formulas are in docs/lab/2026-11-throughput.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.fleet.costs import (
    EVENTS_A_SECOND,
    FRAMES_A_MESSAGE,
    MESSAGES_A_SECOND,
    MESSAGES_TO_ENGINE_A_SECOND,
    Costs,
)

_SECOND_US = 1e6


@dataclass(frozen=True, slots=True)
class Node:
    """A node and its assumed costs. None of the engine's figures was measured: there was no GPU.

    Attributes:
        cores: of the processor; as fast as those that were measured.
        engine_cores: kept for the engine's process: its thread, and the loop that serves front processes.
        front_load: the part of the other cores, and of an event loop, that may be used: messages do not wait.
        message_s: audio in a message.
        activity: share of the time that a stream speaks.
        targets: languages that each stream is translated to.
        engine_load: share of the time that the engine may work, as the server's own capacity has it.
        buffered_flop: of the encoder for a second of speech: 635 million parameters, 50 frames a second.
        gpu_flops: of the GPU in bfloat16, on paper.
        gpu_use: the part of it that the encoder reaches.
        step_s: a decode step of up to ``rows`` rows: four times what reading the weights takes (0.40 ms).
        tokens_a_second: of a text, for each second of speech.
        rows: texts that share a decode step.
        engine_steps: in a second, under load.
        speech_to_encoder: what text-to-unit and vocoder take for a target, in parts of the encoder's time.
    """

    cores: int = 16
    engine_cores: int = 2
    front_load: float = 0.7
    message_s: float = 0.02
    activity: float = 0.5
    targets: int = 1
    engine_load: float = 0.3
    buffered_flop: float = 64e9
    gpu_flops: float = 990e12
    gpu_use: float = 0.3
    step_s: float = 1.6e-3
    tokens_a_second: float = 4.0
    rows: int = 64
    engine_steps: float = 100.0
    speech_to_encoder: float = 2.0

    @property
    def engine_s(self) -> float:
        """Seconds of the engine for a second of speech."""
        encoder_s = self.buffered_flop / (self.gpu_flops * self.gpu_use)
        decoder_s = self.tokens_a_second * self.step_s / self.rows
        return encoder_s + self.targets * (decoder_s + self.speech_to_encoder * encoder_s)

    @property
    def engine_streams(self) -> int:
        """Streams that the engine keeps up with."""
        return int(self.engine_load / (self.activity * self.engine_s))

    def front_us(self, costs: Costs) -> float:
        """Processor time of a second of one stream in front of the engine: per message and per audio."""
        detector_us = FRAMES_A_MESSAGE * MESSAGES_A_SECOND * costs.detector_frame_us
        return (costs.message_us + costs.front_us) / self.message_s + detector_us

    def front_streams(self, costs: Costs) -> int:
        """Streams that the cores in front of the engine carry."""
        return int((self.cores - self.engine_cores) * self.front_load * _SECOND_US / self.front_us(costs))

    def front_processes(self, costs: Costs) -> int:
        """How many front processes those need: an event loop is one thread, the detector's is another."""
        loop_us = (costs.message_us + costs.front_us) / self.message_s
        return -(-int(self.front_streams(costs) * loop_us) // int(self.front_load * _SECOND_US))

    def relay_streams(self, costs: Costs) -> int:
        """Streams whose requests and results one event loop passes on: that of the engine's process."""
        steps_us = self.engine_steps * self.front_processes(costs) * costs.relay_message_us
        stream_us = (
            MESSAGES_TO_ENGINE_A_SECOND * costs.relay_message_us + EVENTS_A_SECOND * costs.relay_event_us
        )
        return int((self.front_load * _SECOND_US - steps_us) / stream_us)

    def streams(self, costs: Costs) -> int:
        """What the node carries."""
        return min(self.engine_streams, self.relay_streams(costs), self.front_streams(costs))
