"""What schemas cannot see: each rule is one way in which valid objects do not fit one another, or the server.

A rule yields each fault, in words, with the object's name; nothing when all is well. A mistake that is made
in the chart alone, or in the overlays alone, is also seen by comparing them; a rule sees one made in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.k8s.manifests import Manifests
from tests.k8s.rules import (
    models,
    monitoring,
    network,
    pod_security,
    ports,
    probes,
    references,
    resources,
    routes,
    scaling,
    selectors,
    settings,
    shutdown,
    storage,
)

__all__ = ["RULES", "Rule", "findings"]

Rule = Callable[[Manifests], Iterator[str]]

RULES: tuple[Rule, ...] = (
    references.names_are_found,
    references.namespaces_agree,
    references.volumes_are_mounted,
    selectors.selectors_take_something,
    settings.servers_accept_their_settings,
    settings.traffic_is_protected,
    settings.callers_are_known_everywhere,
    settings.servers_can_be_called,
    settings.one_proxy_is_in_front,
    settings.paths_are_mounted,
    ports.listeners_are_declared,
    ports.ports_are_found,
    probes.probes_ask_what_is_served,
    shutdown.grace_covers_the_drain,
    shutdown.batches_go_on,
    resources.gpus_match_the_device,
    resources.gpu_nodes_take_their_pods,
    resources.parts_hold_the_model,
    resources.claims_are_served,
    resources.threads_have_cores,
    pod_security.pods_are_restricted,
    pod_security.secrets_can_be_read,
    pod_security.images_are_pinned,
    network.network_is_shut_but_for_what_is_needed,
    network.traces_can_leave,
    models.memory_holds_the_weights,
    models.models_are_verified_last,
    scaling.replicas_have_one_owner,
    scaling.scaling_reads_metrics_that_exist,
    scaling.a_pod_too_many_on_a_node_still_starts,
    monitoring.prometheus_is_let_in,
    monitoring.scrapes_come_often_enough,
    storage.tmp_holds_the_uploads,
    routes.routes_show_the_contract_alone,
    routes.proxies_let_streams_live,
    routes.connections_are_bounded_and_spread,
    routes.gateways_end_tls,
    routes.routes_have_listeners,
    routes.hosts_are_said,
)


def findings(manifests: Manifests) -> list[str]:
    """Everything that any rule finds."""
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(manifests)]
