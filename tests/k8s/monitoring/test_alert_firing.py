"""Alerts fire when they should and only then: Prometheus' own engine, over series made by hand.

``promtool`` is a program of Prometheus (Debian: ``apt install prometheus``). Without it these tests are
skipped and say so; with ``PROMTOOL=required`` they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.k8s.manifests import Manifests, Object, ToolMissing

_EVERYTHING = Manifests.of("everything")
_GROUPS = _EVERYTHING.one("PrometheusRule", "translate-svc")["spec"]["groups"]
_RULES: dict[str, Object] = {
    rule["alert"].removeprefix("TranslateSvc"): rule for group in _GROUPS for rule in group["rules"]
}
_SCALING = _EVERYTHING.of_kind("ScaledObject")[0]["spec"]["triggers"][0]["metadata"]["query"]
_STEP = "15s"
"""As the ServiceMonitor scrapes."""


@dataclass(frozen=True, slots=True)
class Case:
    """Series over time (``a+bxn``: n steps of b after a), and whether the alert fires at ``at``."""

    alert: str
    what: str
    series: dict[str, str]
    at: str
    fires: bool


def _series(name: str, values: str, pod: str = "a", **labels: str) -> dict[str, str]:
    matchers = {"namespace": "translate-svc", "pod": pod} | labels
    inside = ",".join(f'{key}="{value}"' for key, value in matchers.items())
    return {f"{name}{{{inside}}}": values}


def _rejected(values: str) -> dict[str, str]:
    return _series("translate_svc_rejected_total", values, cause="resource_exhausted")


def _admitted(values: str) -> dict[str, str]:
    return _series("translate_svc_streams_admitted_total", values)


def _utterances(ok: str, failed: str) -> dict[str, str]:
    name = "translate_svc_utterances_total"
    return _series(name, ok, status="ok") | _series(name, failed, status="failed")


def _at_canary(ok: str, failed: str) -> dict[str, str]:
    name, pod = "translate_svc_utterances_total", "translate-svc-canary-1"
    return _series(name, ok, pod, status="ok") | _series(name, failed, pod, status="failed")


def _load(active: str, capacity: str, pod: str = "a") -> dict[str, str]:
    used = _series("translate_svc_streams_active", active, pod)
    return used | _series("translate_svc_streams_capacity", capacity, pod)


def _first_texts(fast: str, slow: str) -> dict[str, str]:
    name = "translate_svc_end_to_first_text_seconds_bucket"
    return _series(name, fast, le="2") | _series(name, slow, le="5") | _series(name, slow, le="+Inf")


_READY, _STARTED, _LAG = "translate_svc_ready", "process_start_time_seconds", "translate_svc_lag_seconds"
_FRONTS, _LOGGED = "translate_svc_front_restarts_total", "translate_svc_log_messages_total"
_CASES = (
    Case("NoServerReady", "all load", _series(_READY, "0x40"), "10m", True),
    Case("NoServerReady", "none is scraped", _series(_READY, "1x4 stale"), "10m", True),
    Case("NoServerReady", "for a minute only", _series(_READY, "1x20 0x4 1x20"), "6m", False),
    Case("NoServerReady", "one is", _series(_READY, "0x40") | _series(_READY, "1x40", "b"), "10m", False),
    Case("RefusesCalls", "one in ten", _rejected("0+1x120") | _admitted("0+10x120"), "30m", True),
    Case("RefusesCalls", "all", _rejected("0+1x120") | _admitted("7x120"), "30m", True),
    Case("RefusesCalls", "one in 99", _rejected("0+1x120") | _admitted("0+98x120"), "30m", False),
    Case("RefusesCalls", "nobody calls", _rejected("3x120") | _admitted("7x120"), "30m", False),
    Case("ServerRestarted", "once", _series(_STARTED, "1000x20 1300x20"), "8m", True),
    Case("ServerRestarted", "never", _series(_STARTED, "1000x40"), "8m", False),
    Case(
        "ServerRestarted",
        "a roll",
        _series(_STARTED, "1000x20 stale") | _series(_STARTED, "_x20 1300x20", "b"),
        "8m",
        False,
    ),
    Case("UtterancesFail", "one in 21", _utterances("0+20x160", "0+1x160"), "40m", True),
    Case("UtterancesFail", "one in 201", _utterances("0+200x160", "0+1x160"), "40m", False),
    Case(
        "CanaryFails",
        "one in 11, servers none",
        _at_canary("0+10x160", "0+1x160") | _utterances("0+2000x160", "0x160"),
        "40m",
        True,
    ),
    Case("CanaryFails", "servers alone", _utterances("0+10x160", "0+5x160"), "40m", False),
    Case("FrontProcessRestarts", "four", _series(_FRONTS, "0x20 4x40", front="0"), "12m", True),
    Case("FrontProcessRestarts", "one", _series(_FRONTS, "0x20 1x40", front="0"), "12m", False),
    Case("LogsErrors", "one", _series(_LOGGED, "0x20 1x40", level="error"), "6m", True),
    Case("LogsErrors", "15 minutes ago", _series(_LOGGED, "0x20 1x80", level="error"), "20m", False),
    Case("LogsErrors", "warnings alone", _series(_LOGGED, "0x20 9x40", level="warning"), "6m", False),
    Case("NearlyFull", "60 of 64", _load("60x160", "64x160"), "40m", True),
    Case("NearlyFull", "50 of 64", _load("50x160", "64x160"), "40m", False),
    Case("SlowFirstText", "half", _first_texts("0+5x160", "0+10x160"), "40m", True),
    Case("SlowFirstText", "none", _first_texts("0+10x160", "0+10x160"), "40m", False),
    Case("Late", "one is", _series(_LAG, "0.1x160") | _series(_LAG, "2x160", "b"), "40m", True),
    Case("Late", "no", _series(_LAG, "0.1x160"), "40m", False),
)


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("PROMTOOL") == "required":
            raise ToolMissing("promtool is not on the PATH")
        pytest.skip("promtool is not on the PATH (Debian: apt install prometheus)")
    return found


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": _GROUPS}))
    return path


def _run(promtool: str, *arguments: str) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _test(promtool: str, rules: Path, series: dict[str, str], **expected: object) -> None:
    test = {
        "interval": _STEP,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        **expected,
    }
    file = rules.with_name("test.yaml")
    whole = {"rule_files": [str(rules)], "evaluation_interval": _STEP, "tests": [test]}
    file.write_text(yaml.safe_dump(whole))
    _run(promtool, "test", "rules", str(file))


def test_prometheus_reads_the_rules(promtool: str, rules: Path) -> None:
    _run(promtool, "check", "rules", str(rules))


@pytest.mark.parametrize("case", _CASES, ids=lambda case: f"{case.alert}: {case.what}")
def test_the_alert_fires_or_is_quiet(promtool: str, rules: Path, case: Case) -> None:
    rule = _RULES[case.alert]
    fired = {"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}
    expected = {"eval_time": case.at, "alertname": rule["alert"], "exp_alerts": [fired] if case.fires else []}
    _test(promtool, rules, case.series, alert_rule_test=[expected])


def test_every_alert_fires_and_is_quiet() -> None:
    for fires in (True, False):
        assert {case.alert for case in _CASES if case.fires is fires} == set(_RULES)


@pytest.mark.parametrize(
    ("series", "pods"),
    [
        (_load("64x8", "64x8") | _load("16x8", "32x8", "b"), 1.5),
        (_load("64x8", "64x8") | _load("0x8", "0x8", "b"), 1.0),
    ],
    ids=["two pods that measured differently", "one pod that still loads"],
)
def test_scaling_counts_pods_worth_of_streams(
    promtool: str, rules: Path, series: dict[str, str], pods: float
) -> None:
    expected = {"expr": _SCALING, "eval_time": "2m", "exp_samples": [{"labels": "{}", "value": pods}]}
    _test(promtool, rules, series, promql_expr_test=[expected])
