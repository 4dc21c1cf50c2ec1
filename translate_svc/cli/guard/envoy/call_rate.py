"""How many calls one address may begin: a token bucket for each, in Envoy."""

from __future__ import annotations

import base64
from typing import Any

from translate_svc.cli.guard.envoy.parts import TYPES
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.status import status_of

_LOCAL_RATE_LIMIT = f"{TYPES}.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
_ADDRESS = "masked_remote_address"
_ADDRESSES = 4_096
_IPV6_NETWORK_BITS = 64
_RETRY_AFTER_S = 1.0
_UNLIMITED = 2**32 - 1

TOO_MANY_CALLS = "too many calls from your address: come again in a second"
"""What a refused caller is told."""

GRPC_REFUSAL = {
    "grpc-status-details-bin": base64.b64encode(
        status_of(ResourceExhausted(TOO_MANY_CALLS, retry_after_s=_RETRY_AFTER_S)).SerializeToString()
    ).decode()
}
"""Metadata of a refusal: the server's own status for it, with RetryInfo."""

HTTP_REFUSAL = {"retry-after": f"{_RETRY_AFTER_S:g}"}
"""Headers of a refusal."""


def call_rate_filter(calls_per_s: int, refusal: dict[str, str]) -> dict[str, Any]:
    """The filter that lets one address begin ``calls_per_s`` at once, and as many in each second.

    An address is all of IPv4's, and the network of 64 bits of IPv6's, which one machine has to itself. The
    4,096 addresses that came last are known; one that is forgotten begins with a full bucket.
    """
    bucket = {"max_tokens": calls_per_s, "tokens_per_fill": calls_per_s, "fill_interval": "1s"}
    everybody = {"max_tokens": _UNLIMITED, "tokens_per_fill": _UNLIMITED, "fill_interval": "1s"}
    always = {"default_value": {"numerator": 100}}
    mask = {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": _IPV6_NETWORK_BITS}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": _LOCAL_RATE_LIMIT,
            "stat_prefix": "calls",
            "token_bucket": everybody,
            "filter_enabled": always,
            "filter_enforced": always,
            "rate_limits": [{"actions": [{_ADDRESS: mask}]}],
            # no value: each that is met gets a bucket of its own
            "descriptors": [{"entries": [{"key": _ADDRESS}], "token_bucket": bucket}],
            "max_dynamic_descriptors": _ADDRESSES,
            "rate_limited_as_resource_exhausted": True,
            "response_headers_to_add": [
                {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
                for key, value in refusal.items()
            ],
        },
    }
