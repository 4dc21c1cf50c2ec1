"""Models, memory, volumes and Secrets that do not fit one another."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.manifests import Manifests, Object, Workload
from tests.k8s.mistakes.seeding import Mistake, mount, pod, policy, server, settings, spec, volume


def _job(manifests: Manifests) -> Object:
    container: Object = Workload(manifests.of_kind("Job")[0]).pod["containers"][0]
    return container


def _close(manifests: Manifests, number: int) -> None:
    """Takes a port out of the pull's way out."""
    for rule in policy(manifests, "pull-model")["egress"]:
        rule["ports"] = [port for port in rule["ports"] if port["port"] != number]


MISTAKES = (
    Mistake(
        rules.secrets_can_be_read,
        "gpu",
        lambda m: pod(m)["securityContext"].pop("fsGroup"),
        "the files of tls have mode 0440, and fsGroup None",
    ),
    Mistake(
        rules.secrets_can_be_read,
        "everything",
        lambda m: volume(m, "resume-keys")["secret"].update(defaultMode=0o400),
        "the files of resume-keys have mode 0400",
    ),
    Mistake(
        rules.secrets_can_be_read,
        "gpu",
        lambda m: volume(m, "tls")["secret"].update(defaultMode=0o666),
        "others may write the files of tls",
    ),
    Mistake(
        rules.secrets_can_be_read,
        "gpu",
        lambda m: mount(m, "tls").update(subPath="tls.key"),
        "tls by subPath never sees a renewed Secret",
    ),
    Mistake(
        rules.memory_holds_the_weights,
        "gpu",
        lambda m: server(m)["resources"]["limits"].update(memory="4Gi"),
        "limits 4Gi for 9.2 GB of weights",
    ),
    Mistake(
        rules.memory_holds_the_weights,
        "sidecar",
        lambda m: server(m)["resources"]["requests"].update(memory="2Gi"),
        "requests 2Gi for 9.2 GB of weights",
    ),
    Mistake(
        rules.memory_holds_the_weights,
        "cpu-dev",
        lambda m: settings(m).update(TRANSLATE_SVC_MODEL="facebook/seamless-m4t-v2-large"),
        "limits 3Gi for 9.2 GB of weights",
    ),
    Mistake(
        rules.memory_holds_the_weights,
        "gpu",
        lambda m: spec(m, "PersistentVolumeClaim")["resources"]["requests"].update(storage="10Gi"),
        "10Gi for two versions of 9.2 GB",
    ),
    Mistake(
        rules.claims_reach_every_node,
        "gpu",
        lambda m: spec(m, "PersistentVolumeClaim").update(accessModes=["ReadWriteOnce"]),
        "ReadWriteOnce, but pods of several nodes use it",
    ),
    Mistake(
        rules.models_are_verified_last,
        "cpu-dev",
        lambda m: pod(m)["initContainers"].reverse(),
        "copy-model writes after verify-model has looked",
    ),
    Mistake(
        rules.models_are_verified_last,
        "gpu",
        lambda m: pod(m)["initContainers"].clear(),
        "nothing verifies the model",
    ),
    Mistake(
        rules.models_are_verified_last,
        "gpu",
        lambda m: pod(m)["initContainers"][0]["volumeMounts"][0].update(name="tmp"),
        "verify-model looks at another volume",
    ),
    Mistake(rules.pulls_reach_the_hub, "pull-model", lambda m: _close(m, 443), "no way out for HTTPS"),
    Mistake(rules.pulls_reach_the_hub, "pull-model", lambda m: _close(m, 53), "no way out for DNS"),
    Mistake(
        rules.pulls_reach_the_hub,
        "pull-model",
        lambda m: _job(m)["args"].append("--accept-license"),
        "accepts a licence in the operator's name",
    ),
    Mistake(
        rules.memory_holds_the_weights,
        "batch",
        lambda m: _job(m)["resources"]["limits"].update(memory="4Gi"),
        "limits 4Gi for 9.2 GB of weights",
    ),
    Mistake(
        rules.batches_go_on,
        "batch",
        lambda m: spec(m, "Job").update(completions=8),
        "its pods do the parts $(JOB_COMPLETION_INDEX)/4, not $(JOB_COMPLETION_INDEX)/8",
    ),
    Mistake(
        rules.batches_go_on,
        "batch",
        lambda m: spec(m, "Job").pop("completionMode"),
        "its pods do the parts",
    ),
    Mistake(
        rules.batches_go_on,
        "batch",
        lambda m: spec(m, "Job")["podFailurePolicy"]["rules"][0]["onExitCodes"].update(values=[1, 2, 3]),
        "does not try again after the exit codes [1, 2, 3]",
    ),
    Mistake(
        rules.batches_go_on,
        "batch",
        lambda m: spec(m, "Job")["podFailurePolicy"]["rules"].pop(),
        "counts drained nodes as failures",
    ),
    Mistake(
        rules.batches_go_on,
        "batch",
        lambda m: _job(m)["args"].insert(1, "--out=/tmp/out") or _job(m)["args"].pop(3),
        "/tmp/out does not outlive the pod",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "batch-ray",
        lambda m: m.workloads[-1].pod.pop("tolerations"),
        "RayJob/batch-gpu: does not stand the taint",
    ),
    Mistake(
        rules.pods_are_restricted,
        "batch-ray",
        lambda m: m.workloads[-1].pod["containers"][0]["securityContext"].pop("readOnlyRootFilesystem"),
        "may write to its root filesystem",
    ),
)
