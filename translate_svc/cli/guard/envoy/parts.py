"""Parts of Envoy's configuration that all listeners have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PEER_HEADER = "x-translate-svc-peer"
"""Metadata, or a header, in which the server learns from Envoy where a call comes from."""

TYPES = "type.googleapis.com/envoy"
HTTP_MANAGER = f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
SERVER_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_ROUTER = f"{TYPES}.extensions.filters.http.router.v3.Router"
_OTHER_HOST = f"{TYPES}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_HOST_ATTEMPTS = 50
"""Where a caller's hash chooses, each attempt finds any host, and only one of several may be there. After
five some offers were answered with 503.
"""

_SAID_BY_CALLERS = (
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "forwarded",
    "via",
)


def manager(name: str, *filters: dict[str, Any]) -> dict[str, Any]:
    """What the managers of all connections say: that callers are strangers, and who they are.

    ``filters`` see each call before it goes on to the server.
    """
    return {
        "@type": HTTP_MANAGER,
        "stat_prefix": name,
        # callers' own headers for proxies count for nothing
        "use_remote_address": True,
        "skip_xff_append": True,
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "http_filters": [
            *filters,
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": _ROUTER, "suppress_envoy_headers": True},
            },
        ],
    }


def routes(name: str, routes: list[dict[str, Any]]) -> dict[str, Any]:
    """Routes for all hosts. The server learns of each call where it comes from, whatever the call says."""
    return {
        "virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}],
        "request_headers_to_remove": list(_SAID_BY_CALLERS),
        "request_headers_to_add": [
            {
                "header": {"key": PEER_HEADER, "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
    }


def destination(cluster: str, idle_s: float, retry_on: str, *, elsewhere: bool = True) -> dict[str, Any]:
    """Where a route goes. A front process that is being started is passed over; nothing was sent to it.

    ``elsewhere`` False: another process would be the wrong one.
    """
    retries: dict[str, Any] = {"retry_on": retry_on, "num_retries": 2}
    if elsewhere:
        retries |= {
            "retry_host_predicate": [{"name": "other_host", "typed_config": {"@type": _OTHER_HOST}}],
            "host_selection_retry_max_attempts": _HOST_ATTEMPTS,
        }
    return {
        "cluster": cluster,
        # a stream lasts as long as a call; Envoy's own limit is 15 s after the caller's last message
        "timeout": "0s",
        "idle_timeout": seconds(idle_s),
        "retry_policy": retries,
    }


def endpoints(cluster: str, sockets: tuple[Path, ...]) -> dict[str, Any]:
    """The Unix sockets of a cluster."""
    found = [{"endpoint": {"address": {"pipe": {"path": str(path)}}}} for path in sockets]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": found}]}


def where_status(comparison: str, status: int) -> dict[str, Any]:
    """The filter of Envoy's own answers by their status."""
    value = {"default_value": status, "runtime_key": "none"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def seconds(duration_s: float) -> str:
    """A duration as protobuf writes it in JSON."""
    return f"{duration_s:g}s"
