"""Settings: from flags and variables to each room's options; errors name who said it."""

from __future__ import annotations

import dataclasses

import pytest

from translate_svc.config import Settings
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.errors import InvalidArgument
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.capacity.estimate import CapacityOptions
from translate_svc.variables import ENVIRONMENT_PREFIX


def test_flags_win_over_variables_and_both_over_defaults() -> None:
    environment = {"TRANSLATE_SVC_MAX_STREAMS": "7", "TRANSLATE_SVC_PORT": "1", "PATH": "/bin"}
    settings = Settings.load({"port": 2, "model": None}, environment)
    assert (settings.max_streams, settings.port, settings.model) == (7, 2, Settings().model)
    assert Settings.load({}, {}) == Settings()
    assert Settings.load({}, {"TRANSLATE_SVC_INSECURE": "Yes"}).insecure is True


@pytest.mark.parametrize(
    ("flags", "variables", "field"),
    [
        ({}, {"MAX_STREAMS": "many"}, "TRANSLATE_SVC_MAX_STREAMS"),
        ({}, {"MAX_STREAMS": "0"}, "TRANSLATE_SVC_MAX_STREAMS"),
        ({"max_streams": 0}, {}, "--max-streams"),
        ({"max_streams": 0}, {"MAX_STREAMS": "5"}, "--max-streams"),
        ({}, {"INSECURE": "perhaps"}, "TRANSLATE_SVC_INSECURE"),
        ({}, {"PORT": "65536"}, "TRANSLATE_SVC_PORT"),
        ({}, {"LOG_LEVEL": "loud"}, "TRANSLATE_SVC_LOG_LEVEL"),
        ({}, {"VAD_THRESHOLD": "1.5"}, "TRANSLATE_SVC_VAD_THRESHOLD"),
        ({}, {"VAD_THRESHOLD": "nan"}, "TRANSLATE_SVC_VAD_THRESHOLD"),
        ({"min_silence_ms": 100}, {}, "--min-silence-ms"),
        ({}, {"MAX_UTTERANCE_MS": "31000"}, "TRANSLATE_SVC_MAX_UTTERANCE_MS"),
        ({}, {"DRAIN_GRACE_S": "nan"}, "TRANSLATE_SVC_DRAIN_GRACE_S"),
        ({}, {"TLS_KEY": "key.pem"}, "TRANSLATE_SVC_TLS_KEY"),
        ({"tls_certificate": "cert.pem"}, {}, "--tls-certificate"),
        ({"tls_client_ca": "ca.pem"}, {}, "--tls-client-ca"),
        ({"ping_timeout_ms": 999}, {}, "--ping-timeout-ms"),
        ({"api_keys": ""}, {"API_KEYS": "keys"}, "--api-keys"),  # "$KEYS" of a script: nobody would be asked
        ({"host": ""}, {}, "--host"),
        ({}, {"MAX_STREMS": "5"}, "TRANSLATE_SVC_MAX_STREMS"),
        ({}, {"max_streams": "5"}, "TRANSLATE_SVC_max_streams"),  # would be ignored
    ],
)
def test_what_is_wrong_is_named_by_who_said_it(
    flags: dict[str, object], variables: dict[str, str], field: str
) -> None:
    environment = {ENVIRONMENT_PREFIX + name: value for name, value in variables.items()}
    with pytest.raises(InvalidArgument) as caught:
        Settings.load(flags, environment)
    assert caught.value.field == field


def test_every_setting_reaches_the_room_it_is_for() -> None:
    """Every setting is used: each one, changed alone, changes the options of some package."""
    changed = Settings(
        model="m", model_cache="c", host="::1", port=9, insecure=True, device="cpu", dtype="float32",
        max_streams=3, max_slots=5, max_slot_tokens=77, max_waiting_requests=9, max_utterance_ms=9_000,
        tail_padding_ms=300, cascade_weight=0.5, transcript_retries=1,
        min_silence_ms=900, vad_threshold=0.7, drain_grace_s=1.0, log_level="debug", log_format="logfmt",
        config="f", admission_window=6, min_encode_steps=7,
        step_timeout_s=9.0, admin=False, admin_host="::1", admin_port=8, max_queued_input_total_ms=7,
        tls_certificate="t", tls_key="t", tls_client_ca="t", api_keys="k", callers="c",
        keepalive_time_ms=3_000, keepalive_timeout_ms=2_000, ping_timeout_ms=1_000, graphs=False,
        http="h:1", http_origins="o", http_source_language="s", http_ice_servers="i",
        warn_low_confidence=False, measure_capacity=False, front_processes=4,
        telephone="p", audiosocket="h:2", riva=True, guard="off", guard_calls_per_s=7,
        wyoming="h:3", wyoming_target="es", wyoming_caller="a", resume_keys="r", resume_lifetime_s=9.0,
        max_source_tokens=55,
        encode_budget_frames=960, text_to_unit_budget_tokens=512, vocode_budget_units=400,
    )  # fmt: skip
    assert all(
        getattr(changed, each.name) != getattr(Settings(), each.name) for each in dataclasses.fields(Settings)
    )
    assert changed.address == "[::1]:9"
    assert changed.admission_options() == AdmissionOptions(3, max_waiting_requests=9, max_queued_input_ms=7)
    assert changed.capacity_options() == CapacityOptions(3, measured=False)
    engine = changed.engine_limits(model_tokens=4_096)
    assert (engine.max_slots, engine.max_slot_tokens, engine.max_waiting_requests) == (5, 77, 9)
    assert (engine.max_source_samples, engine.max_source_tokens) == (144_000, 55)
    assert engine.admission_window == 6
    assert engine.min_encode_steps == 7
    for device in ("cpu", "cuda:1"):
        assert changed.engine_limits(model_tokens=4_096, device=device).budgets == StepBudgets(960, 512, 400)
    vad = changed.vad_options()
    assert (vad.threshold, vad.min_silence_ms, vad.max_utterance_ms) == (0.7, 900, 9_000)
    assert changed.tail_padding_samples(calibrated_ms=200) == 4_800
    assert changed.cascade_weight_of(0.3) == 0.5
    assert changed.transcript_retries_of(2) == 1
    assert changed.session_options().max_targets == 4, "the transcript takes a slot too"


@pytest.mark.parametrize(("tail_padding_ms", "samples"), [(-1, 3_200), (0, 0), (1_000, 16_000)])
def test_the_tail_padding_is_what_the_model_needs_unless_it_is_set(
    tail_padding_ms: int, samples: int
) -> None:
    assert Settings(tail_padding_ms=tail_padding_ms).tail_padding_samples(calibrated_ms=200) == samples


def test_a_step_computes_more_on_a_gpu() -> None:
    cpu, gpu = (Settings().engine_limits(model_tokens=300, device=name) for name in ("cpu", "cuda"))
    assert cpu == EngineLimits(max_source_samples=cpu.max_source_samples)
    assert dataclasses.astuple(gpu.budgets) == tuple(
        8 * budget for budget in dataclasses.astuple(cpu.budgets)
    )


def test_what_the_model_cannot_hold_is_not_promised() -> None:
    for settings in (Settings(max_slot_tokens=4_000), Settings(max_slot_tokens=4_000, max_source_tokens=500)):
        limits = settings.engine_limits(model_tokens=300)
        assert (limits.max_slot_tokens, limits.max_source_tokens) == (300, 300)


def test_a_unix_socket_is_an_address() -> None:
    assert Settings(host="unix:/run/x").address == "unix:/run/x"
