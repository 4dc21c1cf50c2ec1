"""Settings, probes, endings and rolls that do not fit the server."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.mistakes.seeding import (
    Mistake,
    deployment,
    drop,
    mount,
    pod,
    probe,
    seconds,
    server,
    settings,
    spec,
)

MISTAKES = (
    Mistake(
        rules.servers_accept_their_settings,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_MAX_STREAM="64"),
        "TRANSLATE_SVC_MAX_STREAM: is not a setting",
    ),
    Mistake(
        rules.servers_accept_their_settings,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_DRAIN_GRACE_S="45s"),
        "TRANSLATE_SVC_DRAIN_GRACE_S: must be a number",
    ),
    Mistake(
        rules.servers_accept_their_settings,
        "gpu",
        lambda m: pod(m).pop("enableServiceLinks"),
        "service links",
    ),
    Mistake(
        rules.traffic_is_protected,
        "cpu-dev",
        lambda m: settings(m).pop("TRANSLATE_SVC_INSECURE"),
        "would refuse to start",
    ),
    Mistake(
        rules.traffic_is_protected,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_INSECURE="true"),
        "has a certificate and allows plaintext",
    ),
    Mistake(
        rules.servers_accept_their_settings,
        "gpu",
        lambda m: settings(m).pop("TRANSLATE_SVC_TLS_KEY"),
        "needs TRANSLATE_SVC_TLS_KEY",
    ),
    Mistake(
        rules.traffic_is_protected,
        "everything",
        lambda m: [settings(m).pop(f"TRANSLATE_SVC_TLS_{name}") for name in ("CERTIFICATE", "KEY")],
        "BackendTLSPolicy/translate-svc: Deployment/translate-svc serves plaintext",
    ),
    Mistake(
        rules.paths_are_mounted,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_TLS_KEY="/etc/tls/tls.key"),
        "tls_key /etc/tls/tls.key is in no mount",
    ),
    Mistake(
        rules.paths_are_mounted,
        "cpu-dev",
        lambda m: settings(m).update(TRANSLATE_SVC_MODEL_CACHE="/root/.cache/translate-svc"),
        "model_cache /root/.cache/translate-svc is in no mount",
    ),
    Mistake(
        rules.paths_are_mounted,
        "cpu-dev",
        lambda m: mount(m, "models").pop("readOnly"),
        "can be written by the server",
    ),
    Mistake(
        rules.paths_are_mounted,
        "sidecar",
        lambda m: settings(m).update(TRANSLATE_SVC_HOST="unix:/run/grpc.sock"),
        "the socket /run/grpc.sock is in no mount",
    ),
    Mistake(
        rules.probes_ask_what_is_served,
        "gpu",
        lambda m: probe(m, "livenessProbe", path="/readyz"),
        "livenessProbe asks /readyz",
    ),
    Mistake(
        rules.probes_ask_what_is_served,
        "gpu",
        lambda m: probe(m, "readinessProbe", path="/ready"),
        "readinessProbe asks /ready",
    ),
    Mistake(
        rules.probes_ask_what_is_served,
        "gpu",
        lambda m: probe(m, "startupProbe", port="grpc"),
        "startupProbe asks port grpc",
    ),
    Mistake(
        rules.probes_ask_what_is_served,
        "gpu",
        lambda m: settings(m).update(TRANSLATE_SVC_ADMIN="false"),
        "no admin port",
    ),
    Mistake(
        rules.probes_ask_what_is_served,
        "sidecar",
        lambda m: settings(m).update(TRANSLATE_SVC_ADMIN_HOST="127.0.0.1"),
        "the admin port is on loopback",
    ),
    Mistake(
        rules.probes_ask_what_is_served, "gpu", lambda m: server(m).pop("readinessProbe"), "no readinessProbe"
    ),
    Mistake(
        rules.startup_has_a_budget,
        "gpu",
        lambda m: server(m)["startupProbe"].pop("failureThreshold"),
        "15 s to load the model",
    ),
    Mistake(
        rules.startup_has_a_budget,
        "gpu",
        lambda m: deployment(m)["spec"].pop("progressDeadlineSeconds"),
        "given up after 600 s",
    ),
    Mistake(
        rules.grace_covers_the_drain,
        "gpu",
        lambda m: pod(m).pop("terminationGracePeriodSeconds"),
        "is killed after 30 s",
    ),
    Mistake(rules.grace_covers_the_drain, "gpu", lambda m: seconds(m, 30), "is killed after 90 s"),
    Mistake(rules.grace_covers_the_drain, "gpu", lambda m: seconds(m, 1), "before callers have heard"),
    Mistake(
        rules.rolls_keep_every_server,
        "gpu",
        lambda m: deployment(m)["spec"].pop("strategy"),
        "before its successor is ready",
    ),
    Mistake(
        rules.rolls_keep_every_server,
        "gpu",
        lambda m: deployment(m)["spec"]["strategy"]["rollingUpdate"].update(maxSurge=0),
        "never moves",
    ),
    Mistake(
        rules.budgets_allow_drains,
        "gpu",
        lambda m: drop(m, "PodDisruptionBudget", "translate-svc"),
        "no PodDisruptionBudget",
    ),
    Mistake(
        rules.budgets_allow_drains,
        "gpu",
        lambda m: spec(m, "PodDisruptionBudget").update(maxUnavailable=0),
        "a node drain never ends",
    ),
    Mistake(
        rules.budgets_allow_drains,
        "everything",
        lambda m: spec(m, "PodDisruptionBudget").update(minAvailable=2),
        "a node drain never ends",
    ),
    Mistake(
        rules.sidecars_frame_their_callers,
        "sidecar",
        lambda m: server(m).pop("restartPolicy"),
        "restarts always",
    ),
    Mistake(
        rules.sidecars_frame_their_callers,
        "sidecar",
        lambda m: server(m).pop("startupProbe"),
        "starts before translate-svc is ready",
    ),
    Mistake(
        rules.sidecars_frame_their_callers,
        "sidecar",
        lambda m: server(m).update(lifecycle={"preStop": {"sleep": {"seconds": 10}}}),
        "while the caller still speaks",
    ),
    Mistake(
        rules.sidecars_frame_their_callers,
        "sidecar",
        lambda m: pod(m)["containers"][0]["env"][0].update(value="unix:/run/grpc.sock"),
        "no container is told",
    ),
    Mistake(
        rules.sidecars_frame_their_callers,
        "sidecar",
        lambda m: pod(m)["containers"][0].pop("volumeMounts"),
        "does not see the socket",
    ),
)
