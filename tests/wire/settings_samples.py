"""Settings in which every field differs from its default, for tests that no field gets lost on its way.

``tests/wire/test_every_setting.py`` fails where a field of the types has no sample here.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from translate_svc.types import (
    BeamSearchSettings,
    Echo,
    GuardSettings,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
    Term,
    VadSettings,
)

VAD = VadSettings(
    threshold=0.625, min_speech_ms=150, min_silence_ms=650, prefix_padding_ms=250, max_utterance_ms=9_000
)
TARGET = TargetSettings(
    language="spa",
    text=False,
    speech=True,
    speaker_id=3,
    duration_factor=0.875,
    catch_up_duration_factor=0.75,
)
TEXT_TARGET = TargetSettings("fra", speech=False)
GUARDS = GuardSettings(
    voice_gate=False, repetition_stop=False, length_stop=False, script_check=False, low_confidence=False
)
BEAM_SEARCH = BeamSearchSettings(num_beams=3, length_penalty=-0.5)
TERM = Term(source="bakery", target="tahona", language="spa")
SIMULTANEOUS = SimultaneousSettings(step_ms=640, patience_frames=3, max_buffer_ms=8_000)
SETTINGS = StreamSettings(
    targets=(TARGET, TEXT_TARGET),
    source_language="eng",
    include=frozenset({Inspect.TRANSCRIPT, Inspect.UNITS}),
    segmentation=Segmentation.VAD,
    vad=VAD,
    guards=GUARDS,
    simultaneous=SIMULTANEOUS,
    beam_search=BEAM_SEARCH,
    source_candidates=("eng", "fra"),
    echo=Echo.SILENT,
    terms=(TERM, Term("Kubernetes")),
)


def field_names(kind: Any) -> list[str]:
    """Of a dataclass or a value of one."""
    return [field.name for field in dataclasses.fields(kind)]
