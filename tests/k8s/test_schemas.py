"""Every object against the schemas of the last three Kubernetes versions; custom ones against our own."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.k8s.manifests import OVERLAYS, Manifests, Object, title

VERSIONS = list(dict.fromkeys(kubernetes_validate.utils.all_versions()))[-3:]
_SCHEMAS = Path(__file__).parent / "schemas"


@functools.cache
def _custom_schemas() -> dict[tuple[str, str], Object]:
    schemas = [json.loads(path.read_text("utf-8")) for path in sorted(_SCHEMAS.glob("*.json"))]
    return {
        (each["properties"]["apiVersion"]["const"], each["properties"]["kind"]["const"]): each
        for each in schemas
    }


@functools.cache
def _validate(document: str, version: str) -> None:
    """Strict: an unknown field fails, and so does an object without a schema."""
    item = json.loads(document)
    custom = _custom_schemas().get((item["apiVersion"], item["kind"]))
    if custom is not None:
        jsonschema.Draft202012Validator(custom).validate(item)
        for workload in Manifests([item]).workloads:
            pods = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "any"}}
            template = workload.object["spec"]["template"]
            kubernetes_validate.validate(pods | {"template": template}, version, strict=True)
    else:
        kubernetes_validate.validate(item, version, strict=True)


def validate(item: Object, version: str) -> None:
    """Raises the fault of ``item`` in this version of Kubernetes."""
    _validate(json.dumps(item, sort_keys=True), version)


@pytest.fixture(scope="module", autouse=True)
def _definitions_are_read_once() -> None:
    """The package parses 2 MB of definitions for every object."""
    utils = kubernetes_validate.utils
    if not hasattr(utils.schema_contents, "cache_info"):
        utils.schema_contents = functools.cache(utils.schema_contents)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str, version: str) -> None:
    objects = Manifests.of(overlay).objects
    assert objects
    for item in objects:
        try:
            validate(item, version)
        except Exception as error:
            error.add_note(f"{title(item)} of {overlay}, Kubernetes {version}")
            raise


def test_every_custom_schema_is_strict_and_used() -> None:
    rendered = Manifests.of("everything").objects + Manifests.of("batch-ray").objects
    used = {(item["apiVersion"], item["kind"]): item for item in rendered}
    for kind, schema in _custom_schemas().items():
        assert schema["$comment"].startswith("https://github.com/"), "names its source"
        validate(used[kind], VERSIONS[-1])
        wrong = copy.deepcopy(used[kind])
        wrong["spec"]["misspelt"] = 1
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong, VERSIONS[-1])
