"""compose.yaml against the server's settings, and against the files that it mounts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.k8s.manifests import ROOT
from tests.k8s.rules.shutdown import drain_slack_s
from translate_svc.config import Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVER = SERVICES["translate-svc"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "k8s/monitoring/prometheus.yaml").read_text("utf-8"))
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
_ENVIRONMENT = {key: _DEFAULT.sub(r"\1", value) for key, value in SERVER["environment"].items()}


def _settings() -> Settings:
    return Settings.load({}, _ENVIRONMENT)


def _mounts(service: str) -> dict[str, Path]:
    """Bind mounts by their path inside."""
    volumes = (volume.split(":") for volume in SERVICES[service]["volumes"])
    return {parts[1]: ROOT / parts[0] for parts in volumes if parts[0].startswith("./")}


def test_the_server_takes_its_settings_and_its_model_is_there() -> None:
    settings = _settings()
    assert (_mounts("translate-svc")[settings.model_cache] / settings.model).is_dir()
    assert f"127.0.0.1:{settings.port}:{settings.port}" in SERVER["ports"]


def test_envoy_is_in_front_and_in_the_image() -> None:
    assert _settings().guard == "on"
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    extras = re.search(r"^ARG EXTRAS=(\S+)$", dockerfile, re.MULTILINE)
    assert extras is not None
    assert "guard" in extras[1].split(",")


def test_it_has_the_time_to_drain() -> None:
    settings = _settings()
    assert int(SERVER["stop_grace_period"].removesuffix("s")) > settings.drain_grace_s + drain_slack_s()


def test_its_health_is_asked_at_the_admin_port() -> None:
    (call,) = (word for word in SERVER["healthcheck"]["test"] if "urlopen" in word)
    assert f"http://127.0.0.1:{_settings().admin_port}/readyz" in call


def test_it_is_as_locked_down_as_in_a_cluster() -> None:
    assert SERVER["read_only"] is True
    assert SERVER["cap_drop"] == ["ALL"]
    assert SERVER["security_opt"] == ["no-new-privileges:true"]
    assert all(volume.endswith(":ro") for volume in SERVER["volumes"])


def test_everything_is_published_on_loopback_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_prometheus_scrapes_the_admin_port() -> None:
    (scrape,) = PROMETHEUS["scrape_configs"]
    assert scrape["metrics_path"] == "/metrics"
    targets = [target for static in scrape["static_configs"] for target in static["targets"]]
    assert targets == [f"translate-svc:{_settings().admin_port}"]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there_and_images_are_pinned(service: str) -> None:
    for source in _mounts(service).values():
        assert source.exists(), source
    image = SERVICES[service].get("image")
    assert image is None or re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", image)
