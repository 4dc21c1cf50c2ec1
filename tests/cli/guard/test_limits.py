"""The guard and the gateway of Kubernetes bound the same things by the same values."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from translate_svc.cli.guard.envoy.configuration import configuration
from translate_svc.cli.guard.limits import GuardLimits, HttpLimits
from translate_svc.cli.guard.options import Door, GuardOptions
from translate_svc.config import Settings
from translate_svc.gateway.options import GatewayOptions

COMPONENT = Path(__file__).parents[3] / "k8s" / "components" / "gateway"
UNITS = {"Ki": 1024, "Mi": 1024**2, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "": 1}


def specs() -> dict[str, Any]:
    """The component's policies, by their kind."""
    files = (COMPONENT / "traffic-policies.yaml", COMPONENT / "envoy-proxy.yaml")
    documents = [each for file in files for each in yaml.safe_load_all(file.read_text("utf-8"))]
    return {document["kind"]: document["spec"] for document in documents}


def number(quantity: str | int) -> float:
    """``64Ki`` in bytes, ``6m`` in seconds."""
    found = re.fullmatch(r"(\d+)([A-Za-z]*)", str(quantity))
    assert found is not None, quantity
    return int(found[1]) * UNITS[found[2]]


def test_the_values_are_those_of_the_gateway() -> None:
    policies = specs()
    callers, servers = policies["ClientTrafficPolicy"], policies["BackendTrafficPolicy"]
    (layer,) = yaml.safe_load(policies["EnvoyProxy"]["bootstrap"]["value"])["layered_runtime"]["layers"]
    runtime = layer["static_layer"]
    assert number(callers["connection"]["bufferLimit"]) == number(servers["connection"]["bufferLimit"])
    idle_s = {
        callers["timeout"]["http"]["streamIdleTimeout"],
        servers["timeout"]["http"]["streamIdleTimeout"],
    }
    assert len(idle_s) == 1
    assert number(servers["timeout"]["http"]["requestTimeout"]) == 0
    rates = [rule["limit"] for rule in servers["rateLimit"]["local"]["rules"]]
    calls_per_s = rates[0]["requests"]
    assert rates == [{"requests": calls_per_s, "unit": "Second"}] * 2, "IPv4 and IPv6"
    assert callers["http2"]["onInvalidMessage"] == "TerminateConnection"
    assert GuardLimits() == GuardLimits(
        max_connections=callers["connection"]["connectionLimit"]["value"],
        buffer_bytes=int(number(callers["connection"]["bufferLimit"])),
        stream_idle_s=number(idle_s.pop()),
        connection_idle_s=number(callers["timeout"]["http"]["idleTimeout"]),
        max_streams=callers["http2"]["maxConcurrentStreams"],
        stream_window_bytes=int(number(callers["http2"]["initialStreamWindowSize"])),
        connection_window_bytes=int(number(callers["http2"]["initialConnectionWindowSize"])),
        ping_interval_s=number(callers["http2"]["connectionKeepalive"]["interval"]),
        ping_timeout_s=number(callers["http2"]["connectionKeepalive"]["timeout"]),
        connect_timeout_s=number(servers["timeout"]["tcp"]["connectTimeout"]),
        server_streams=servers["http2"]["maxConcurrentStreams"],
        server_stream_window_bytes=int(number(servers["http2"]["initialStreamWindowSize"])),
        server_connection_window_bytes=int(number(servers["http2"]["initialConnectionWindowSize"])),
        server_requests=servers["circuitBreaker"]["maxParallelRequests"],
        server_connections=servers["circuitBreaker"]["maxConnections"],
        server_idle_s=number(servers["timeout"]["http"]["connectionIdleTimeout"]),
        new_streams_per_turn=runtime["http.max_requests_per_io_cycle"],
        early_resets=runtime["overload.premature_reset_total_stream_count"],
        calls_per_s=calls_per_s,
    )


@pytest.mark.parametrize(("name", "kind"), [("grpc", GuardLimits), ("http", HttpLimits)])
def test_envoy_is_told_every_one_of_them(
    tmp_path: Path, name: str, kind: type[GuardLimits] | type[HttpLimits]
) -> None:
    """Each limit has a value of its own here, and all of these are somewhere in what Envoy reads."""
    odd = {each: 7_001 + index for index, each in enumerate(kind.__dataclass_fields__)}
    if "header_bytes" in odd:
        odd["header_bytes"] = 7_500 * 1_024
    limits = kind(**odd)
    door = Door(name, "127.0.0.1", 0, (tmp_path / "x",))
    options = GuardOptions((door,), tmp_path)
    field = "limits" if name == "grpc" else "http_limits"
    options = replace(options, **cast(Any, {field: limits}))
    said = re.findall(r"\b7\d{3}(?=s?\b)", str(configuration(options, {name: 0})))
    expected = {each // 1_024 if each > 10_000 else each for each in odd.values()}
    assert {int(each) for each in said} == expected


def test_the_calls_of_an_address_are_what_operators_are_told() -> None:
    assert Settings().guard_calls_per_s == GuardLimits().calls_per_s == HttpLimits().requests_per_s / 4


def test_a_connection_waits_no_longer_than_at_the_server_itself() -> None:
    limits, server = HttpLimits(), GatewayOptions()
    assert limits.header_s == limits.connection_idle_s == server.request_timeout_s
    assert limits.server_idle_s < server.request_timeout_s, "or requests meet a server that hangs up"
    assert limits.stream_idle_s > max(server.file_patience_s, server.config_timeout_s)
