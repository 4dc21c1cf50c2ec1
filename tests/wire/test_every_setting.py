"""Every field of the settings is carried: through the wire both ways, and through negotiation to `opened`."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.wire import settings_samples
from tests.wire.settings_samples import field_names
from translate_svc import wire
from translate_svc.engine.sequence_spec import TextGuards
from translate_svc.engine.simultaneous.hypothesis import CommitDefaults
from translate_svc.languages import packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.types import (
    AUTO,
    AudioFormat,
    BeamSearchSettings,
    Encoding,
    GuardSettings,
    Opened,
    Segmentation,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    Term,
    UpdateInput,
    VadSettings,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.vad.options import VadOptions

SAMPLES: list[Any] = [
    settings_samples.VAD,
    settings_samples.TARGET,
    settings_samples.GUARDS,
    settings_samples.SIMULTANEOUS,
    settings_samples.BEAM_SEARCH,
    settings_samples.TERM,
    settings_samples.SETTINGS,
]
DEFAULTS: dict[type[Any], Any] = {
    VadSettings: VadSettings(),
    TargetSettings: TargetSettings(""),
    GuardSettings: GuardSettings(),
    SimultaneousSettings: SimultaneousSettings(),
    BeamSearchSettings: BeamSearchSettings(),
    Term: Term(""),
    StreamSettings: StreamSettings(()),
}
ONLY_BY_HAND = "segmentation"
"""Some settings have no meaning beside it, so it is tried alone."""
NEGOTIATOR = Negotiator(
    packaged(),
    max_targets=4,
    vad=VadOptions(),
    hypotheses=CommitDefaults("align_att", 4),
    detected=("eng", "fra"),
)
FORMAT = AudioFormat(Encoding.PCM_S16LE, 16_000)


def kind_name(value: Any) -> str:
    return type(value).__name__


def each_field_alone() -> list[Any]:
    """Settings of a stream that differ from the defaults in one field, at any depth."""
    target = TargetSettings("spa")
    cases: dict[str, StreamSettings] = {}
    for name in field_names(StreamSettings):
        if name not in ("targets", ONLY_BY_HAND):
            cases[name] = StreamSettings((target,), **{name: getattr(settings_samples.SETTINGS, name)})
    for name in ("include", "terms"):
        cases[name] = dataclasses.replace(cases[name], source_language="eng")
    cases["source_candidates"] = dataclasses.replace(cases["source_candidates"], source_language=AUTO)
    cases[ONLY_BY_HAND] = StreamSettings((target,), segmentation=Segmentation.MANUAL)
    for name in field_names(VadSettings):
        cases[f"vad.{name}"] = StreamSettings(
            (target,), vad=VadSettings(**{name: getattr(settings_samples.VAD, name)})
        )
    for name in field_names(GuardSettings):
        cases[f"guards.{name}"] = StreamSettings((target,), guards=GuardSettings(**{name: False}))
    for name in field_names(SimultaneousSettings):
        value = getattr(settings_samples.SIMULTANEOUS, name)
        cases[f"simultaneous.{name}"] = StreamSettings(
            (target,), simultaneous=SimultaneousSettings(**{name: value})
        )
    for name in field_names(BeamSearchSettings):
        value = getattr(settings_samples.BEAM_SEARCH, name)
        cases[f"beam_search.{name}"] = StreamSettings(
            (target,), beam_search=BeamSearchSettings(**{name: value})
        )
    for name in field_names(TargetSettings):
        changed = dataclasses.replace(target, **{name: getattr(settings_samples.TARGET, name)})
        cases[f"targets.{name}"] = StreamSettings((changed,))
    cases["targets.speech"] = StreamSettings((dataclasses.replace(target, speech=False),))
    cases["targets.speaker_id"] = StreamSettings((TargetSettings("ind", speaker_id=24),))
    return [pytest.param(path, settings, id=path) for path, settings in cases.items()]


def value_at(settings: StreamSettings, path: str) -> Any:
    here: Any = settings
    for name in path.split("."):
        here = getattr(here, name)
        here = here[0] if name == "targets" else here
    return here


@pytest.mark.parametrize("sample", SAMPLES, ids=kind_name)
def test_every_field_has_a_sample_unlike_its_default(sample: Any) -> None:
    default = DEFAULTS[type(sample)]
    same = [name for name in field_names(sample) if getattr(sample, name) == getattr(default, name)]
    # both stay on, or the other settings of the sample would mean nothing; each is tried alone below
    assert set(same) <= {"speech", ONLY_BY_HAND}


@pytest.mark.parametrize("sample", SAMPLES, ids=kind_name)
def test_the_contract_and_the_types_have_the_same_fields(sample: Any) -> None:
    described = pb.DESCRIPTOR.message_types_by_name[kind_name(sample)]
    assert sorted(described.fields_by_name) == sorted(field_names(sample))


@pytest.mark.parametrize(("path", "settings"), each_field_alone())
def test_the_wire_carries_it_both_ways(path: str, settings: StreamSettings) -> None:
    del path
    request = wire.encode_request(UpdateInput(settings)).SerializeToString()
    received = wire.decode_request(pb.StreamingTranslateRequest.FromString(request))
    assert received == UpdateInput(settings)
    event = Opened("id", StreamConfig(FORMAT, FORMAT, settings))
    response = wire.encode_response(1, event).SerializeToString()
    assert wire.decode_response(pb.StreamingTranslateResponse.FromString(response)) == (1, event)


@pytest.mark.parametrize(("path", "settings"), each_field_alone())
def test_opened_tells_what_was_asked_for(path: str, settings: StreamSettings) -> None:
    opened, settled = NEGOTIATOR.negotiate(StreamConfig(FORMAT, FORMAT, settings))
    assert opened.settings == settled.settings
    if path == "vad":
        assert opened.settings.vad == settings_samples.VAD
    else:
        assert value_at(opened.settings, path) == value_at(settings, path)


@pytest.mark.parametrize("guard", field_names(TextGuards))
def test_each_guard_of_a_text_reaches_the_engine(guard: str) -> None:
    settings = StreamSettings((TargetSettings("spa"),), guards=GuardSettings(**{guard: False}))
    _, settled = NEGOTIATOR.negotiate(StreamConfig(FORMAT, FORMAT, settings))
    guards = settled.sequences[0].spec.guards
    assert [name for name in field_names(guards) if not getattr(guards, name)] == [guard]
