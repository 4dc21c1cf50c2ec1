"""Names, selectors, volumes and ports that lead nowhere."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.manifests import Workload
from tests.k8s.mistakes.seeding import (
    Mistake,
    deployment,
    drop,
    mount,
    pod,
    policy,
    server,
    settings,
    spec,
    volume,
)

MISTAKES = (
    Mistake(
        rules.names_are_found,
        "gpu",
        lambda m: drop(m, "ServiceAccount", "translate-svc"),
        "no ServiceAccount",
    ),
    Mistake(
        rules.names_are_found,
        "gpu",
        lambda m: drop(m, "PersistentVolumeClaim", "translate-svc-models"),
        "no PersistentVolumeClaim",
    ),
    Mistake(
        rules.names_are_found,
        "gpu",
        lambda m: server(m)["envFrom"][0]["configMapRef"].update(name="settings"),
        "no ConfigMap settings",
    ),
    Mistake(
        rules.names_are_found,
        "gpu",
        lambda m: volume(m, "tls")["secret"].update(secretName="certificate"),
        "no Secret certificate",
    ),
    Mistake(
        rules.names_are_found,
        "everything",
        lambda m: spec(m, "ScaledObject")["scaleTargetRef"].update(name="server"),
        "no Deployment server",
    ),
    Mistake(
        rules.names_are_found,
        "everything",
        lambda m: spec(m, "GRPCRoute")["rules"][0]["backendRefs"][0].update(name="grpc"),
        "no Service grpc",
    ),
    Mistake(
        rules.namespaces_agree,
        "gpu",
        lambda m: m.one("Service", "translate-svc")["metadata"].update(namespace="default"),
        "namespace default",
    ),
    Mistake(
        rules.volumes_are_mounted,
        "cpu-dev",
        lambda m: mount(m, "models").update(name="weights"),
        "weights, which is no volume",
    ),
    Mistake(
        rules.volumes_are_mounted,
        "cpu-dev",
        lambda m: pod(m)["volumes"].append({"name": "shm", "emptyDir": {}}),
        "nothing mounts the volume shm",
    ),
    Mistake(
        rules.volumes_are_mounted,
        "gpu",
        lambda m: mount(m, "models").pop("readOnly"),
        "mounts models to write",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: spec(m, "Service")["selector"].update({"app.kubernetes.io/component": "serve"}),
        "selects no pod",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: Workload(deployment(m)).labels.pop("app.kubernetes.io/component"),
        "its selector misses",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: spec(m, "PodDisruptionBudget")["selector"]["matchLabels"].update(tier="gpu"),
        "selects no pod",
    ),
    Mistake(
        rules.selectors_take_something,
        "everything",
        lambda m: spec(m, "ServiceMonitor")["selector"]["matchLabels"].pop("app.kubernetes.io/component"),
        "by 2 Services",
    ),
    Mistake(
        rules.selectors_take_something,
        "gpu",
        lambda m: pod(m)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(app="x"),
        "not its own pods",
    ),
    Mistake(
        rules.ports_are_found,
        "gpu",
        lambda m: spec(m, "Service")["ports"][0].update(targetPort="grcp"),
        "has no port grcp",
    ),
    Mistake(
        rules.ports_are_found,
        "gpu",
        lambda m: policy(m, "translate-svc")["ingress"][1]["ports"][0].update(port="metrics"),
        "has no port metrics",
    ),
    Mistake(
        rules.ports_are_found,
        "everything",
        lambda m: spec(m, "ServiceMonitor")["endpoints"][0].update(port="metrics"),
        "has no port metrics",
    ),
    Mistake(
        rules.ports_are_found,
        "everything",
        lambda m: spec(m, "GRPCRoute")["rules"][0]["backendRefs"][0].update(port=443),
        "has no port 443",
    ),
    Mistake(
        rules.listeners_are_declared,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_PORT="50052"),
        "listens on {'admin': 9090, 'grpc': 50052}",
    ),
    Mistake(
        rules.listeners_are_declared,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_ADMIN_PORT="9091"),
        "listens on {'admin': 9091",
    ),
)
