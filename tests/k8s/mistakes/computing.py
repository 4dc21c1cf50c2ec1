"""GPUs, parts and claims of them, and who goes first, that are not what was meant."""

from __future__ import annotations

from tests.k8s import rules
from tests.k8s.manifests import Manifests, Object
from tests.k8s.mistakes.seeding import Mistake, drop, pod, server, settings


def _class(manifests: Manifests, name: str) -> Object:
    return manifests.one("PriorityClass", name)


def _request(manifests: Manifests) -> Object:
    template = manifests.one("ResourceClaimTemplate", "translate-svc-gpu")
    request: Object = template["spec"]["spec"]["devices"]["requests"][0]["exactly"]
    return request


def _part(manifests: Manifests, name: str) -> None:
    for resources in (server(manifests)["resources"][kind] for kind in ("requests", "limits")):
        del resources["nvidia.com/mig-2g.20gb"]
        resources[name] = 1


MISTAKES = (
    Mistake(
        rules.calls_go_before_files,
        "gpu",
        lambda m: pod(m).pop("priorityClassName"),
        "its calls wait behind whatever has no class",
    ),
    Mistake(
        rules.calls_go_before_files,
        "gpu",
        lambda m: _class(m, "translate-svc").update(globalDefault=True),
        "is that of every pod in the cluster",
    ),
    Mistake(
        rules.calls_go_before_files,
        "batch",
        lambda m: _class(m, "translate-svc-batch").update(value=-1000),
        "a priority of -1000, not of -10 to -1",
    ),
    Mistake(
        rules.calls_go_before_files,
        "batch",
        lambda m: _class(m, "translate-svc-batch").pop("preemptionPolicy"),
        "files may take the GPU of somebody else",
    ),
    Mistake(
        rules.calls_go_before_files,
        "batch-ray",
        lambda m: m.workloads[-1].pod.update(priorityClassName="translate-svc"),
        "RayJob/batch-gpu: a priority of 1000",
    ),
    Mistake(
        rules.names_are_found,
        "batch",
        lambda m: drop(m, "PriorityClass", "translate-svc-batch"),
        "no PriorityClass translate-svc-batch",
    ),
    Mistake(
        rules.names_are_found,
        "everything",
        lambda m: pod(m).update(runtimeClassName="nvidia-cdi"),
        "no RuntimeClass nvidia-cdi",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "cpu-dev",
        lambda m: pod(m).update(runtimeClassName="nvidia"),
        "needs no GPU and runs in nvidia",
    ),
    Mistake(
        rules.parts_hold_the_model,
        "mig",
        lambda m: _part(m, "nvidia.com/mig-1g.5gb"),
        "nvidia.com/mig-1g.5gb for 8.4 GB",
    ),
    Mistake(
        rules.gpus_are_whole,
        "mig",
        lambda m: server(m)["resources"]["limits"].update({"nvidia.com/gpu": 1}),
        "is limited to {'nvidia.com/mig-2g.20gb': 1, 'nvidia.com/gpu': 1}",
    ),
    Mistake(
        rules.gpus_are_whole,
        "dra",
        lambda m: [
            server(m)["resources"][kind].update({"nvidia.com/gpu": 1}) for kind in ("requests", "limits")
        ],
        "device cuda with 2 GPUs",
    ),
    Mistake(
        rules.gpus_are_whole,
        "dra",
        lambda m: server(m)["resources"].pop("claims"),
        "device cuda with 0 GPUs",
    ),
    Mistake(
        rules.claims_are_served,
        "dra",
        lambda m: server(m)["resources"].pop("claims"),
        "the claim gpu is not in its server",
    ),
    Mistake(
        rules.claims_are_served,
        "dra",
        lambda m: pod(m).pop("resourceClaims"),
        "the claim gpu is not in its pod",
    ),
    Mistake(
        rules.claims_are_served,
        "dra",
        lambda m: _request(m).update(deviceClassName="nvidia.com/gpu"),
        "no driver serves nvidia.com/gpu",
    ),
    Mistake(
        rules.claims_are_served, "dra", lambda m: _request(m).update(count=2), "claims more than one GPU"
    ),
    Mistake(
        rules.claims_are_served,
        "dra",
        lambda m: _request(m).update(allocationMode="All"),
        "claims more than one GPU",
    ),
    Mistake(
        rules.claims_are_served,
        "dra",
        lambda m: _request(m)["selectors"].pop(0),
        "whose driver does not know CUDA 13.0",
    ),
    Mistake(
        rules.claims_are_served,
        "dra",
        lambda m: _request(m)["selectors"].pop(1),
        "a GPU with less than 10.8 GB",
    ),
    Mistake(
        rules.threads_have_cores,
        "everything",
        lambda m: server(m)["env"][0].update(value="6"),
        "5 processes of 6 threads on 6 cores",
    ),
    Mistake(
        rules.threads_have_cores,
        "everything",
        lambda m: server(m)["resources"]["requests"].update(cpu="4"),
        "5 processes of 1 threads on 4 cores",
    ),
    Mistake(
        rules.threads_have_cores,
        "gpu",
        lambda m: server(m).pop("env"),
        "1 processes of 1000 threads on 4 cores",
    ),
    Mistake(
        rules.threads_have_cores,
        "everything",
        lambda m: settings(m).update(TRANSLATE_SVC_FRONT_PROCESSES="2"),
        "128 streams for each front process",
    ),
    Mistake(
        rules.threads_have_cores,
        "sidecar",
        lambda m: settings(m).update(TRANSLATE_SVC_FRONT_PROCESSES="2"),
        "front processes cannot share the socket",
    ),
    Mistake(
        rules.memory_holds_the_weights,
        "everything",
        lambda m: server(m)["resources"]["requests"].update(memory="10Gi"),
        "requests 10Gi for 9.2 GB of weights",
    ),
    Mistake(
        rules.callers_are_known_everywhere,
        "everything",
        lambda m: settings(m).pop("TRANSLATE_SVC_RESUME_KEYS"),
        "a client secret of one pod is refused by the others",
    ),
    Mistake(
        rules.callers_are_known_everywhere,
        "everything",
        lambda m: settings(m).update(TRANSLATE_SVC_HTTP="127.0.0.1:8080"),
        "is reached by nobody",
    ),
    Mistake(
        rules.listeners_are_declared,
        "everything",
        lambda m: settings(m).update(TRANSLATE_SVC_HTTP="0.0.0.0:8000"),
        "'http': 8000",
    ),
    Mistake(
        rules.network_is_shut_but_for_what_is_needed,
        "everything",
        lambda m: drop(m, "NetworkPolicy", "translate-svc-gateway-http"),
        "the gateway does not reach http",
    ),
    Mistake(
        rules.names_are_found,
        "dra",
        lambda m: drop(m, "ResourceClaimTemplate", "translate-svc-gpu"),
        "no ResourceClaimTemplate translate-svc-gpu",
    ),
    Mistake(
        rules.gpu_nodes_take_their_pods,
        "dra",
        lambda m: pod(m).pop("tolerations"),
        "does not stand the taint",
    ),
)
