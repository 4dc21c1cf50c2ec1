"""The chart gives what the overlays give, object by object, and refuses values that mean nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.k8s.helm import CHART, helm, render_chart, values_of
from tests.k8s.manifests import K8S, Manifests, Object, title
from tests.k8s.rules import findings

_DIGEST = f"sha256:{'a' * 64}"
_REPOSITORY = "registry.example.com/translate-svc"
_KEEP = {"helm.sh/resource-policy": "keep"}
_KEPT = ("ConfigMap", "PersistentVolumeClaim")
_EVERYTHING: Object = {
    "apiKeys": True,
    "resumeKeys": True,
    "serviceMonitor": True,
    "alerts": True,
    "keda": {"enabled": True},
    "gateway": {"enabled": True},
    "gpu": {"runtimeClassName": "nvidia"},
    "http": True,
    "tracing": {"enabled": True},
    "frontProcesses": 4,
    "settings": {"TRANSLATE_SVC_MAX_STREAMS": "256", "TRANSLATE_SVC_MAX_SLOTS": "128"},
    "resources": {"requests": {"cpu": "6", "memory": "18Gi"}, "limits": {"memory": "26Gi"}},
    "canary": {"enabled": True},
}
_VALUES: dict[str, Object] = {
    "gpu": {},
    "cpu-dev": values_of("values-cpu-dev.yaml"),
    "cpu": values_of("values-cpu.yaml"),
    "mig": {
        "gpu": {"resource": "nvidia.com/mig-2g.20gb"},
        "resources": {"requests": {"cpu": "2"}},
        "settings": {"TRANSLATE_SVC_MAX_STREAMS": "16", "TRANSLATE_SVC_MAX_SLOTS": "16"},
    },
    "dra": {"gpu": {"resource": "", "claim": True}},
    "everything": _EVERYTHING,
}
"""Values by the overlay that they stand for."""


def _comparable(manifests: Manifests) -> dict[str, Object]:
    """Objects by name, without what may differ.

    These are the Namespace, which exists before a release; the hash in the name of the settings, which both
    tools compute in their own way; the annotation that keeps old settings; the order of ports and volumes.
    """
    text = re.sub(r"(translate-svc-settings)-\w{10}", r"\1", json.dumps(manifests.objects))
    found = {title(item): item for item in json.loads(text) if item["kind"] != "Namespace"}
    for item in found.values():
        if item["kind"] in _KEPT and item["metadata"].pop("annotations", _KEEP) != _KEEP:
            raise AssertionError(f"{title(item)} has other annotations")
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
            pod["volumes"].sort(key=_name)
            for container in pod["initContainers"] + pod["containers"]:
                container["volumeMounts"].sort(key=_name)
                container.get("ports", []).sort(key=_name)
        if item["kind"] == "Service":
            item["spec"]["ports"].sort(key=_name)
    return found


def _name(item: Object) -> str:
    return str(item["name"])


@pytest.mark.parametrize("overlay", _VALUES)
def test_it_gives_what_the_overlay_gives(overlay: str) -> None:
    chart, kustomize = _comparable(render_chart(_VALUES[overlay])), _comparable(Manifests.of(overlay))
    assert chart.keys() == kustomize.keys()
    for name, item in chart.items():
        assert yaml.safe_dump(item) == yaml.safe_dump(kustomize[name])


def test_it_is_the_same_as_an_archive(tmp_path: Path) -> None:
    """The links into k8s/ become files."""
    with helm().Chart.load(str(CHART)) as loaded:
        archive = Path(loaded.save(str(tmp_path)))
    assert render_chart(_EVERYTHING, chart=archive).objects == render_chart(_EVERYTHING).objects


def test_a_changed_setting_rolls_the_pods() -> None:
    before = render_chart({}).of_kind("ConfigMap")[0]["metadata"]["name"]
    changed = render_chart({"settings": {"TRANSLATE_SVC_MAX_STREAMS": "65"}})
    after = changed.of_kind("ConfigMap")[0]
    assert after["metadata"]["name"] != before
    assert after["metadata"]["annotations"] == _KEEP
    ((_, server, settings),) = changed.servers()
    assert server.spec["envFrom"][0]["configMapRef"]["name"] == after["metadata"]["name"]
    assert settings.max_streams == 65


_CALLERS: Object = {
    "settings": {"TRANSLATE_SVC_CALLERS": "/etc/translate-svc/callers/callers.toml"},
    "extraVolumes": [{"name": "callers", "configMap": {"name": "callers"}}],
    "extraVolumeMounts": [{"name": "callers", "mountPath": "/etc/translate-svc/callers", "readOnly": True}],
    "extraEnv": [{"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "deployment.environment.name=trial"}],
    "apiKeys": True,
}


@pytest.mark.parametrize("values", [{}, {"canary": {"enabled": True}}], ids=str)
def test_files_that_settings_name_are_mounted(values: Object) -> None:
    for workload, server, settings in render_chart(_CALLERS | values).servers():
        assert settings.callers == "/etc/translate-svc/callers/callers.toml"
        assert _CALLERS["extraVolumes"][0] in workload.pod["volumes"]
        assert _CALLERS["extraVolumeMounts"][0] in server.spec["volumeMounts"]
        assert _CALLERS["extraEnv"][0] in server.spec["env"]


def test_all_may_rest() -> None:
    (deployment,) = render_chart({"replicas": 0}).of_kind("Deployment")
    assert deployment["spec"]["replicas"] == 0


def test_the_checkpoint_outlives_the_release() -> None:
    (claim,) = render_chart({"model": {"claim": "weights"}}).of_kind("PersistentVolumeClaim")
    assert (claim["metadata"]["name"], claim["metadata"]["annotations"]) == ("weights", _KEEP)


def test_another_namespace_is_everywhere() -> None:
    manifests = render_chart(_EVERYTHING, namespace="speech")
    namespace = yaml.safe_load((K8S / "foundation/namespace.yaml").read_text("utf-8"))
    namespace["metadata"]["name"] = "speech"
    manifests.objects.append(namespace)
    assert findings(manifests) == []
    text = json.dumps(manifests.objects)
    assert 'namespace=\\"speech\\"' in text
    assert 'namespace=\\"translate-svc\\"' not in text
    assert "translate-svc.translate-svc.svc" not in text


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, f"@{_DIGEST}"),
        ({"tag": "0.2.0-gpu"}, ":0.2.0-gpu"),
        ({"digest": f"sha256:{'b' * 64}"}, f"@sha256:{'b' * 64}"),
        ({"tag": "0.2.0-gpu", "digest": f"sha256:{'b' * 64}"}, f"@sha256:{'b' * 64}"),
    ],
    ids=str,
)
def test_a_canary_has_its_own_image(image: Object, reference: str) -> None:
    """Also beside servers whose image is named by its digest."""
    manifests = render_chart(
        {
            "image": {"digest": _DIGEST},
            "gateway": {"enabled": True},
            "canary": {"enabled": True, "image": image},
        }
    )
    images = {
        each.name: {one.spec["image"].removeprefix(_REPOSITORY) for one in each.containers}
        for each in manifests.deployments
    }
    assert images == {
        "Deployment/translate-svc": {f"@{_DIGEST}"},
        "Deployment/translate-svc-canary": {reference},
    }


@pytest.mark.parametrize("http", ["api.translate.example.com", "api.translate.example.com.example.org"])
def test_host_names_are_those_of_the_values(http: str) -> None:
    """Also where one holds what the files say, and where one was left as it is."""
    gateway = {"enabled": True, "hostname": "speech.example.org", "httpHostname": http}
    manifests = render_chart({"gateway": gateway, "http": True, "resumeKeys": True})
    listeners = manifests.one("Gateway", "translate-svc")["spec"]["listeners"]
    assert [each["hostname"] for each in listeners] == ["speech.example.org", http]
    assert manifests.one("GRPCRoute", "translate-svc")["spec"]["hostnames"] == ["speech.example.org"]
    assert manifests.one("HTTPRoute", "translate-svc")["spec"]["hostnames"] == [http]


@pytest.mark.parametrize("tls", [True, False])
def test_the_gateway_speaks_tls_to_pods_that_have_it(tls: bool) -> None:
    manifests = render_chart({"gateway": {"enabled": True}, "tls": tls})
    assert len(manifests.of_kind("BackendTLSPolicy")) == tls


_FRONTED: Object = {"frontProcesses": 2, "resources": {"requests": {"cpu": "4"}}}


@pytest.mark.parametrize(
    "values",
    [
        {"apiKeys": True},
        {"http": True, "resumeKeys": True},
        {"http": True, "replicas": 1},
        {"gateway": {"enabled": True}},
        {"gateway": {"enabled": True}, "http": True, "resumeKeys": True},
        {"gateway": {"enabled": True}, "canary": {"enabled": True}},
        {"canary": {"enabled": True}, "serviceMonitor": True},
        {"keda": {"enabled": True}, "alerts": True},
        {"gateway": {"enabled": True}} | _FRONTED,
        {"tracing": {"enabled": True, "namespace": "observability"}},
        {"gpu": {"resource": "", "claim": True}, "canary": {"enabled": True}},
        {"settings": {"TRANSLATE_SVC_DRAIN_GRACE_S": "3600"}, "terminationGracePeriodSeconds": 3660},
    ],
    ids=str,
)
def test_components_keep_the_rules_without_the_others(values: Object) -> None:
    manifests = render_chart(values)
    manifests.objects += yaml.safe_load_all((K8S / "foundation/namespace.yaml").read_text("utf-8"))
    assert findings(manifests) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "replica"),
        ({"settings": {"TRANSLATE_SVC_MAX_STREAMS": 64}}, "TRANSLATE_SVC_MAX_STREAMS"),
        ({"settings": {"MAX_STREAMS": "64"}}, "MAX_STREAMS"),
        ({"settings": {"TRANSLATE_SVC_FRONT_PROCESSES": "4"}}, "`frontProcesses`"),
        ({"settings": {"TRANSLATE_SVC_HTTP": "0.0.0.0:8080"}}, "`http`"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"gpu": {"resource": "nvidia.com/mig-big"}}, "resource"),
        ({"gpu": {"claim": True}}, "gpu"),
        ({"model": {"starterImage": "starter:1"}}, "model"),
        ({"settings": {"TRANSLATE_SVC_DRAIN_GRACE_S": "3600"}}, "terminationGracePeriodSeconds.* 3633"),
        ({"extraVolumes": [{"emptyDir": {}}]}, "name"),
        ({"extraVolumeMounts": [{"name": "callers", "mountPath": "callers"}]}, "mountPath"),
        ({"replicas": -1}, "replicas"),
        ({"preStopSeconds": 30}, "terminationGracePeriodSeconds.* 98"),
        ({"terminationGracePeriodSeconds": 60}, "terminationGracePeriodSeconds.* 78"),
    ],
    ids=str,
)
def test_values_that_mean_nothing_are_refused(values: Object, said: str) -> None:
    with pytest.raises(helm().HelmError, match=said):
        render_chart(values)


def test_lint_has_nothing_to_say() -> None:
    report = helm().lint(str(CHART), values={}, strict=True)
    assert [each for each in report["messages"] if each["severity"] > 1] == []
    assert report["errors"] == []


def test_its_version_is_that_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    (gpu, *_) = Manifests.of("gpu").deployments
    tag = gpu.containers[-1].spec["image"].rpartition(":")[2]
    assert f"{chart['appVersion']}-gpu" == tag
    assert chart["version"] == chart["appVersion"]
