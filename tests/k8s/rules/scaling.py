"""KEDA: who owns the number of replicas, and what it is computed from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.k8s.manifests import Manifests, title
from tests.k8s.monitoring.promql import PromqlError, complaints

_LEAST_COOL_DOWN_S = 300


def replicas_have_one_owner(manifests: Manifests) -> Iterator[str]:
    """A Deployment that is scaled names no replicas: every apply would undo the scaling."""
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in manifests.of_kind("ScaledObject")}
    for workload in manifests.deployments:
        if "replicas" not in workload.object["spec"] and workload.object["metadata"]["name"] not in scaled:
            yield f"{workload.name}: nobody says how many replicas; it has one"
    for item in manifests.of_kind("ScaledObject"):
        target = manifests.find("Deployment", item["spec"]["scaleTargetRef"]["name"])
        if target is not None and "replicas" in target["spec"]:
            yield f"{title(target)}: names its replicas, and {title(item)} scales it"
        if not 1 <= item["spec"]["minReplicaCount"] <= item["spec"]["maxReplicaCount"]:
            yield f"{title(item)}: at least {item['spec']['minReplicaCount']} replicas, at most fewer"
        down = item["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        if down.get("stabilizationWindowSeconds", 300) <= _LEAST_COOL_DOWN_S:
            yield f"{title(item)}: scales down on a lull; every pod that goes moves its streams"
        policies = down.get("policies", [{"type": "Percent", "value": 100, "periodSeconds": 15}])
        if any(
            each["type"] != "Pods" or each["value"] > 1 or each["periodSeconds"] < 60 for each in policies
        ):
            yield f"{title(item)}: takes more than one pod away at once"
        fallback = item["spec"].get("fallback", {"behavior": "currentReplicas"})
        if fallback.get("behavior", "static") == "static":
            yield f"{title(item)}: takes pods away while Prometheus does not answer"


def scaling_reads_metrics_that_exist(manifests: Manifests) -> Iterator[str]:
    """The query is well formed, over metrics of the server, in the namespace of the target."""
    for item in manifests.of_kind("ScaledObject"):
        for trigger in item["spec"]["triggers"]:
            query = trigger["metadata"]["query"]
            try:
                wrong = list(complaints(query))
            except PromqlError as error:
                wrong = [str(error)]
            yield from (f"{title(item)}: {each}" for each in wrong)
            if f'namespace="{item["metadata"]["namespace"]}"' not in query:
                yield f"{title(item)}: counts the streams of other namespaces too"
            if not _is_one_sum(query):
                yield f"{title(item)}: is no sum over pods, and AverageValue divides it by their number"
            if re.search(r"/\s*translate_svc_streams_capacity", query):
                yield f"{title(item)}: divides by the 0 of a pod that still loads"
            if trigger["metadata"].get("ignoreNullValues", "true") != "false":
                yield f"{title(item)}: takes no answer for no streams"
            threshold = float(trigger["metadata"]["threshold"])
            if not 0 < threshold < 1:
                yield f"{title(item)}: a threshold of {threshold} leaves no room to grow into"
            if "fallback" in item["spec"] and trigger.get("metricType", "AverageValue") != "AverageValue":
                yield f"{title(item)}: a fallback needs AverageValue"


def _is_one_sum(query: str) -> bool:
    """Whether the value grows with the pods: one ``sum(...)`` around everything."""
    opened, closed = re.match(r"sum\s*\(", query.strip()), 0
    depth = 0
    for position, character in enumerate(query.strip()):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == ")" and depth == 0:
            closed = position + 1
            break
    return opened is not None and closed == len(query.strip())
