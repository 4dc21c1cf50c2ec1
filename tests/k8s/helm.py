"""The chart as Helm renders it: Helm's own engine, which the package ``helm-python-sdk`` brings along."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import yaml

from tests.k8s.manifests import K8S, Manifests, Object, ToolMissing

CHART = K8S / "chart"
RELEASE = "translate-svc"


def helm() -> Any:
    """Helm. Raises ToolMissing where it is not installed."""
    try:
        return importlib.import_module("helm_python")
    except ModuleNotFoundError:
        raise ToolMissing("no Helm beside Python: pip install -c constraints.txt helm-python-sdk") from None


def values_of(name: str) -> Object:
    """A file of values of the chart."""
    values: Object = yaml.safe_load((CHART / name).read_text("utf-8"))
    return values


def render_chart(values: Object, *, namespace: str = "translate-svc", chart: Path = CHART) -> Manifests:
    """What ``helm install`` would send with these values. Raises what Helm raises."""
    with helm().Chart.load(str(chart)) as loaded:
        loaded.validate_schema(values)
        files: dict[str, str] = loaded.render(values, name=RELEASE, namespace=namespace)
    texts = [text for path, text in sorted(files.items()) if path.endswith(".yaml")]
    return Manifests([each for text in texts for each in yaml.safe_load_all(text) if each])
