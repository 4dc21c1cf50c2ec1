"""The end of a pod: the time promised to live streams fits into the kubelet's grace period."""

from __future__ import annotations

from collections.abc import Iterator

from tests.k8s.manifests import Container, Manifests, Workload, matches
from tests.k8s.rules.settings import servers_that_load
from translate_svc.cli.exit_codes import EXIT_ERROR, EXIT_USAGE
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


def batches_go_on(manifests: Manifests) -> Iterator[str]:
    """Each pod does its own part. What would fail again is not tried again; a lost node is no failure."""
    for workload in manifests.workloads:
        for container in workload.containers:
            if not container.is_engine or container.is_server:
                continue
            job = workload.object["spec"]
            arguments = dict(each.partition("=")[::2] for each in container.spec["args"])
            parts = f"$(JOB_COMPLETION_INDEX)/{job.get('completions', 1)}"
            if job.get("completionMode") != "Indexed" or arguments.get("--shard") != parts:
                yield f"{workload.name}: its pods do the parts {arguments.get('--shard')}, not {parts}"
            rules = job.get("podFailurePolicy", {}).get("rules", [])
            codes = {
                code
                for rule in rules
                if rule["action"] == "FailIndex"
                for code in rule["onExitCodes"]["values"]
            }
            if codes != {EXIT_ERROR, EXIT_USAGE}:
                yield f"{workload.name}: does not try again after the exit codes {sorted(codes)}"
            if not any(rule["action"] == "Ignore" and "onPodConditions" in rule for rule in rules):
                yield f"{workload.name}: counts drained nodes as failures"
            yield from _outputs(workload, container, arguments.get("--out", ""))


def _outputs(workload: Workload, container: Container, out: str) -> Iterator[str]:
    mount = container.mount_of(out)
    volumes = {volume["name"]: volume for volume in workload.pod.get("volumes", [])}
    if mount is None or "persistentVolumeClaim" not in volumes[mount["name"]]:
        yield f"{workload.name}: {out} does not outlive the pod"
    elif mount.get("readOnly"):
        yield f"{workload.name}: {out} is read-only"
