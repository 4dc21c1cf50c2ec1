"""The names that dashboards and autoscalers are built on, and that no label can grow."""

from __future__ import annotations

import re
from pathlib import Path

from translate_svc import errors
from translate_svc.observability.labels import (
    CLOSE_CAUSES,
    ERROR_CAUSES,
    PREFIX,
    UTTERANCE_STATUSES,
    WARNING_CODES,
    error_cause,
)
from translate_svc.observability.metrics import Metrics
from translate_svc.types import UtteranceStatus

GAUGES = {
    "streams_active",
    "streams_capacity",
    "requests_waiting",
    "requests_live",
    "slots_busy",
    "slots",
    "queued_audio_seconds",
    "lag_seconds",
    "ready",
}
GAUGES_BY_STAGE = {"graphs_captured", "graphs_refused"}
COUNTERS = {
    "streams_admitted_total": (),
    "rejected_total": ("cause",),
    "streams_closed_total": ("cause",),
    "utterances_total": ("status",),
    "languages_heard_total": ("language",),
    "warnings_total": ("code",),
    "log_messages_total": ("level",),
    "engine_steps_total": (),
    "text_tokens_total": (),
    "source_seconds_total": (),
    "speech_seconds_total": (),
    "streams_resumed_total": (),
    "caller_admitted_total": ("class",),
    "caller_audio_seconds_total": ("class",),
    "caller_streams_limited_total": ("class",),
    "caller_audio_limited_total": ("class",),
}
HISTOGRAMS = {
    "end_to_first_text_seconds": (),
    "end_to_first_audio_seconds": (),
    "stage_seconds": ("stage",),
    "step_seconds": (),
    "batch_size": ("stage",),
}


def _value(metrics: Metrics, name: str, **labels: str) -> float:
    value = metrics.registry.get_sample_value(PREFIX + name, labels)
    assert value is not None
    return value


def _series(metrics: Metrics) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def test_every_name_is_there_with_its_labels_before_anything_has_happened() -> None:
    labels: dict[str, set[str]] = {}
    for name, pairs in _series(Metrics()):
        labels.setdefault(name, set()).update(key for key, _ in pairs if key != "le")
    expected = {PREFIX + name: set[str]() for name in GAUGES}
    expected |= {PREFIX + name: {"stage"} for name in GAUGES_BY_STAGE}
    expected |= {PREFIX + name: set(keys) for name, keys in COUNTERS.items()}
    for name, keys in HISTOGRAMS.items():
        expected |= {f"{PREFIX}{name}_{part}": set(keys) for part in ("bucket", "sum", "count")}
    own = {name: keys for name, keys in labels.items() if not name.endswith("_created")}
    assert {name: keys for name, keys in own.items() if name.startswith(PREFIX)} == expected
    assert {name for name in own if not name.startswith(PREFIX)} > {"process_open_fds"}
    assert Metrics().names() >= expected.keys()


def test_values_without_a_series_of_their_own_are_counted_as_other() -> None:
    metrics = Metrics()
    before = _series(metrics)
    metrics.record_closed("what somebody said")
    metrics.record_warning("what somebody said")
    metrics.record_stage("what somebody said", 1.0)
    metrics.record_step(0.1, [("what somebody said", 1)])
    assert _series(metrics) == before
    assert _value(metrics, "streams_closed_total", cause="other") == 1
    assert _value(metrics, "warnings_total", code="other") == 1
    assert _value(metrics, "stage_seconds_count", stage="other") == 1
    assert _value(metrics, "batch_size_count", stage="other") == 1


def test_classes_of_callers_come_as_they_are_counted_and_not_without_end() -> None:
    metrics = Metrics()
    assert _value(metrics, "caller_admitted_total", **{"class": "other"}) == 0
    for number in range(100):
        metrics.add("caller_admitted", f"class-{number}", 1)
        metrics.add("caller_admitted", "class-0", 1)
    assert _value(metrics, "caller_admitted_total", **{"class": "class-0"}) == 101
    assert _value(metrics, "caller_admitted_total", **{"class": "class-63"}) == 1
    assert _value(metrics, "caller_admitted_total", **{"class": "other"}) == 36


SERVERS_DO_NOT_END_WITH = (
    errors.TranslateSvcError,
    errors.CheckpointError,
    errors.DownloadError,
    errors.TranslationFailed,
)


def test_every_error_of_the_package_that_a_call_may_end_with_has_its_cause() -> None:
    for name, kind in vars(errors).items():
        is_package_error = isinstance(kind, type) and issubclass(kind, errors.TranslateSvcError)
        if is_package_error and kind not in SERVERS_DO_NOT_END_WITH:
            assert error_cause(kind("x")) != "internal", name
            assert error_cause(kind("x")) in ERROR_CAUSES
            assert error_cause(kind("x")) in CLOSE_CAUSES
    assert error_cause(errors.ResourceExhausted("x")) == "resource_exhausted"
    assert error_cause(errors.QuotaExceeded("x")) == "quota_exceeded", "no alert of a full server"
    assert error_cause(errors.DetectorError("x")) == "detector_error"
    assert error_cause(errors.InvariantViolation("x")) == "invariant_violation"
    assert error_cause(errors.EngineLost("x")) == "engine_lost"
    assert error_cause(errors.DeviceLost("x")) == "engine_lost"
    assert error_cause(errors.EngineError("x")) == "engine_error"
    assert error_cause(KeyError("x")) == "internal"
    assert {status.value for status in UtteranceStatus} < set(UTTERANCE_STATUSES)


def test_every_warning_is_in_the_manual_and_in_the_contract() -> None:
    root = Path(__file__).resolve().parents[2]
    manual = re.findall(r"^\| `([a-z_]+)` \|", (root / "docs/contract.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(manual) == sorted(WARNING_CODES)
    proto = (root / "protos/translate_svc/v1/speech_translation.proto").read_text("utf-8")
    assert [code for code in WARNING_CODES if f"`{code}`" not in proto] == []
