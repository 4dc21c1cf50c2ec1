"""What a server does a second, from two of its answers."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.types import ServerLoad


@dataclass(frozen=True, slots=True)
class LoadRates:
    """Per second of the server's own clock.

    Attributes:
        steps: engine steps.
        text_tokens: tokens of texts.
        real_time_factor: seconds of source audio that were translated; 1.0 keeps up with one speaker who
            never pauses.
        speech_s: seconds of speech that were made.
    """

    steps: float
    text_tokens: float
    real_time_factor: float
    speech_s: float


def rates_between(before: ServerLoad, now: ServerLoad) -> LoadRates | None:
    """None where ``now`` is not later: it is the same answer, or the server was restarted in between."""
    elapsed_s = (now.uptime_ms - before.uptime_ms) / 1000
    if elapsed_s <= 0 or now.steps < before.steps:
        return None
    return LoadRates(
        steps=(now.steps - before.steps) / elapsed_s,
        text_tokens=(now.text_tokens - before.text_tokens) / elapsed_s,
        real_time_factor=(now.source_ms - before.source_ms) / 1000 / elapsed_s,
        speech_s=(now.speech_ms - before.speech_ms) / 1000 / elapsed_s,
    )
