"""The end of a pod: what is promised to live streams fits into what the kubelet grants."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests, matches
from tests.k8s.rules.settings import servers_that_load
from translate_svc.rpc.options import RpcOptions

_UNLOAD_S = 5.0
_LEAST_PROPAGATION_S = 5


def drain_slack_s() -> float:
    """What may pass after the drain's grace: each of the transport's own deadlines, then unloading."""
    options = RpcOptions()
    told_s = options.discard_timeout_s + options.abort_timeout_s * 2
    return options.write_timeout_s + told_s + options.cancel_timeout_s + _UNLOAD_S


def grace_covers_the_drain(manifests: Manifests) -> Iterator[str]:
    """preStop, then the drain, then its slack, all before SIGKILL."""
    for workload, container, settings in servers_that_load(manifests):
        grace_s = workload.pod.get("terminationGracePeriodSeconds", 30)
        needed_s = pre_stop_s(container) + settings.drain_grace_s + drain_slack_s()
        if needed_s >= grace_s:
            yield f"{workload.name}: may take {needed_s:g} s to end, is killed after {grace_s} s"
        served = any(
            matches({"matchLabels": item["spec"]["selector"]}, workload.labels)
            for item in manifests.of_kind("Service")
        )
        if served and pre_stop_s(container) < _LEAST_PROPAGATION_S:
            yield f"{workload.name}: refuses streams before callers have heard that it is going"


def pre_stop_s(container: Container) -> float:
    """How long preStop holds SIGTERM back."""
    return float(container.spec.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))
