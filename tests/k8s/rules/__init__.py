"""What schemas cannot see: each rule is one way in which valid objects do not work together.

A rule yields what is wrong, in words, with the object's name; nothing when all is well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.k8s.manifests import Manifests
from tests.k8s.rules.availability import (
    budgets_allow_drains,
    calls_go_before_files,
    rolls_keep_every_server,
    servers_are_spread,
    services_send_to_ready_pods,
)
from tests.k8s.rules.models import (
    claims_reach_every_node,
    memory_holds_the_weights,
    models_are_verified_last,
    pulls_reach_the_hub,
)
from tests.k8s.rules.network import network_is_shut_but_for_what_is_needed, traces_can_leave
from tests.k8s.rules.pod_security import images_are_pinned, pods_are_restricted, secrets_can_be_read
from tests.k8s.rules.ports import listeners_are_declared, ports_are_found
from tests.k8s.rules.probes import probes_ask_what_is_served, startup_has_a_budget
from tests.k8s.rules.references import names_are_found, namespaces_agree, volumes_are_mounted
from tests.k8s.rules.resources import (
    claims_are_served,
    cores_are_not_throttled,
    gpu_nodes_take_their_pods,
    gpus_are_whole,
    parts_hold_the_model,
    resources_are_bounded,
    threads_have_cores,
)
from tests.k8s.rules.routes import (
    canaries_hold_their_share,
    connections_are_spread,
    gateways_end_tls,
    proxies_bound_their_callers,
    proxies_let_streams_live,
    routes_have_listeners,
    routes_show_the_contract_alone,
)
from tests.k8s.rules.scaling import replicas_have_one_owner, scaling_reads_metrics_that_exist
from tests.k8s.rules.selectors import selectors_take_something
from tests.k8s.rules.settings import (
    callers_are_known_everywhere,
    paths_are_mounted,
    servers_accept_their_settings,
    servers_can_be_called,
    traffic_is_protected,
)
from tests.k8s.rules.shutdown import batches_go_on, grace_covers_the_drain
from tests.k8s.rules.sidecar import sidecars_frame_their_callers

__all__ = [
    "RULES",
    "Rule",
    "batches_go_on",
    "budgets_allow_drains",
    "callers_are_known_everywhere",
    "calls_go_before_files",
    "canaries_hold_their_share",
    "claims_are_served",
    "claims_reach_every_node",
    "connections_are_spread",
    "cores_are_not_throttled",
    "findings",
    "gateways_end_tls",
    "gpu_nodes_take_their_pods",
    "gpus_are_whole",
    "grace_covers_the_drain",
    "images_are_pinned",
    "listeners_are_declared",
    "memory_holds_the_weights",
    "models_are_verified_last",
    "names_are_found",
    "namespaces_agree",
    "network_is_shut_but_for_what_is_needed",
    "parts_hold_the_model",
    "paths_are_mounted",
    "pods_are_restricted",
    "ports_are_found",
    "probes_ask_what_is_served",
    "proxies_bound_their_callers",
    "proxies_let_streams_live",
    "pulls_reach_the_hub",
    "replicas_have_one_owner",
    "resources_are_bounded",
    "rolls_keep_every_server",
    "routes_have_listeners",
    "routes_show_the_contract_alone",
    "scaling_reads_metrics_that_exist",
    "secrets_can_be_read",
    "selectors_take_something",
    "servers_accept_their_settings",
    "servers_are_spread",
    "servers_can_be_called",
    "services_send_to_ready_pods",
    "sidecars_frame_their_callers",
    "startup_has_a_budget",
    "threads_have_cores",
    "traces_can_leave",
    "traffic_is_protected",
    "volumes_are_mounted",
]

Rule = Callable[[Manifests], Iterator[str]]

RULES: tuple[Rule, ...] = (
    names_are_found,
    namespaces_agree,
    volumes_are_mounted,
    selectors_take_something,
    servers_accept_their_settings,
    traffic_is_protected,
    paths_are_mounted,
    listeners_are_declared,
    ports_are_found,
    probes_ask_what_is_served,
    startup_has_a_budget,
    grace_covers_the_drain,
    batches_go_on,
    rolls_keep_every_server,
    budgets_allow_drains,
    gpus_are_whole,
    resources_are_bounded,
    pods_are_restricted,
    images_are_pinned,
    network_is_shut_but_for_what_is_needed,
    replicas_have_one_owner,
    scaling_reads_metrics_that_exist,
    sidecars_frame_their_callers,
    services_send_to_ready_pods,
    secrets_can_be_read,
    cores_are_not_throttled,
    gpu_nodes_take_their_pods,
    proxies_let_streams_live,
    proxies_bound_their_callers,
    routes_show_the_contract_alone,
    claims_reach_every_node,
    memory_holds_the_weights,
    models_are_verified_last,
    pulls_reach_the_hub,
    calls_go_before_files,
    claims_are_served,
    parts_hold_the_model,
    canaries_hold_their_share,
    connections_are_spread,
    gateways_end_tls,
    routes_have_listeners,
    callers_are_known_everywhere,
    threads_have_cores,
    traces_can_leave,
    servers_are_spread,
    servers_can_be_called,
)


def findings(manifests: Manifests) -> list[str]:
    """Everything that any rule finds."""
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(manifests)]
