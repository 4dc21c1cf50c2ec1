"""Settings from a file: below flags and variables, above defaults. Errors name the file and the setting."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from translate_svc.config import Settings, as_given
from translate_svc.errors import InvalidArgument, OutOfRange


def written(folder: Path, text: str, name: str = "server.toml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


TOML = """
max_streams = 8
port = 6000
insecure = true
drain_grace_s = 5
http = "127.0.0.1:8080"
http_source_language = "no"
"""
YAML = """
# the same in YAML
max_streams: 8
port: 6000
insecure: true
drain_grace_s: 5
http: "127.0.0.1:8080"
http_source_language: "no"
"""


@pytest.mark.parametrize(("text", "name"), [(TOML, "s.toml"), (YAML, "s.yaml"), (YAML, "S.YML")])
def test_flags_count_more_than_variables_these_more_than_the_file_and_that_more_than_defaults(
    tmp_path: Path, text: str, name: str
) -> None:
    path = written(tmp_path, text, name)
    environment = {"TRANSLATE_SVC_PORT": "5000", "TRANSLATE_SVC_MAX_STREAMS": "7"}
    settings = Settings.load({"config": path, "port": 4000}, environment)
    assert (settings.port, settings.max_streams, settings.insecure) == (4000, 7, True)
    assert (settings.drain_grace_s, type(settings.drain_grace_s)) == (5.0, float)
    assert (settings.http_source_language, settings.max_slots) == ("no", Settings().max_slots)
    by_variable = Settings.load({}, {"TRANSLATE_SVC_CONFIG": path})
    assert (by_variable.port, by_variable.max_streams) == (6000, 8)


def test_every_setting_can_be_in_a_file(tmp_path: Path) -> None:
    lines = []
    for field in fields(Settings):
        if field.name != "config":
            shown = f'"{field.default}"' if isinstance(field.default, str) else str(field.default).lower()
            lines.append(f"{field.name} = {shown}")
    path = written(tmp_path, "\n".join(lines))
    assert Settings.load({"config": path}, {}) == Settings(config=path)


def test_a_mark_of_utf_8_that_editors_write_is_no_part_of_the_first_setting(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffmax_streams = 5\n")
    assert Settings.load({"config": path}, {}).max_streams == 5


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    for name in ("e.toml", "e.yaml"):
        path = written(tmp_path, "# nothing\n", name)
        assert Settings.load({"config": path}, {}) == Settings(config=path)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("max_strems = 5", "f.toml", "{path}: max_strems: is not a setting; did you mean max_streams?"),
        ("max-streams: 5", "f.yaml", "{path}: max-streams: is not a setting; did you mean max_streams?"),
        ("[server]\nport = 1", "f.toml", "{path}: server: is not a setting"),
        ('config = "other.toml"', "f.toml", "{path}: config: is not a setting"),
        ('port = "1"', "f.toml", "{path}: port: must be a whole number"),
        ("port = true", "f.toml", "{path}: port: must be a whole number"),
        ("port: 1.5", "f.yaml", "{path}: port: must be a whole number"),
        ("insecure: 'yes'", "f.yaml", "{path}: insecure: must be true or false"),
        ("http_source_language: no", "f.yaml", "{path}: http_source_language: must be a text in quotes"),
        ("vad_threshold: high", "f.yaml", "{path}: vad_threshold: must be a number"),
        ("port = 70000", "f.toml", "{path}: port: must be 0 to 65535"),
        (f"vad_threshold = 1{400 * '0'}", "f.toml", "{path}: vad_threshold: is beyond what"),
        ("port = 1\nport = 2", "f.toml", "--config: {path}: Cannot overwrite a value (at "),
        ("port: [1", "f.yaml", "--config: {path}: expected ',' or ']', but got '<stream end>' (at line"),
        ("port: \x01", "f.yaml", "--config: {path}: holds characters that YAML does not allow"),
        ("- port", "f.yaml", "--config: {path}: must hold names and values"),
        ("port = " + "[" * 5_000, "f.toml", "--config: {path}: is nested too deeply"),
        ("port: " + "[" * 5_000, "f.yaml", "--config: {path}: is nested too deeply"),
        ("port: 1", "f.ini", "--config: {path}: must end in .toml, .yaml or .yml"),
        ("tls_key = 'k.pem'", "f.toml", "{path}: tls_key: needs tls_certificate"),
        ("wyoming_target = 'es'", "f.toml", "{path}: wyoming_target: needs wyoming"),
        ("http_origins: https://a.example", "f.yaml", "{path}: http_origins: needs http"),
        ("http_ice_servers: stun:a.example", "f.yaml", "{path}: http_ice_servers: needs http"),
        ("http_source_language: en", "f.yaml", "{path}: http_source_language: needs http"),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_wrong_in_a_file_is_named_by_file_and_name(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    path = written(tmp_path, text, name)
    with pytest.raises(InvalidArgument) as caught:
        Settings.load({"config": path}, {})
    assert str(caught.value).startswith(said.format(path=path))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named_by_who_named_it(tmp_path: Path) -> None:
    absent, binary = tmp_path / "absent.toml", tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe")
    for path, said in (
        (absent, "cannot be read: No such file or directory"),
        (binary, "is not a text in UTF-8"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            Settings.load({}, {"TRANSLATE_SVC_CONFIG": str(path)})
        assert str(caught.value) == f"TRANSLATE_SVC_CONFIG: {path} {said}"


def test_an_error_that_comes_later_names_the_file_too(tmp_path: Path) -> None:
    path = written(tmp_path, "port = 1\ntls_key = 'k'\ntls_certificate = 'c'")
    flags = {"config": path, "host": "example"}
    for field, said in (("port", f"{path}: port"), ("host", "--host"), ("device", "--device")):
        given = as_given(OutOfRange("is in use; see max_slots and tls_key", field=field), flags, {})
        other = "max_slots" if field == "port" else "--max-slots"
        assert str(given) == f"{said}: is in use; see {other} and tls_key"


def links(service: str, host: str = "10.96.0.7", port: int = 50051) -> dict[str, str]:
    """The variables of a Service with one named port, as the kubelet writes them."""
    shown = f"[{host}]" if ":" in host else host
    prefix = f"{service}_PORT_{port}_TCP"
    return {
        f"{service}_SERVICE_HOST": host,
        f"{service}_SERVICE_PORT": str(port),
        f"{service}_SERVICE_PORT_GRPC": str(port),
        f"{service}_PORT": f"tcp://{shown}:{port}",
        prefix: f"tcp://{shown}:{port}",
        f"{prefix}_PROTO": "tcp",
        f"{prefix}_PORT": str(port),
        f"{prefix}_ADDR": host,
    }


def test_the_variables_of_kubernetes_services_are_no_settings() -> None:
    environment = links("TRANSLATE_SVC") | links("TRANSLATE_SVC_ADMIN", "fd00::7", 9090)
    own = {"TRANSLATE_SVC_MAX_STREAMS": "7"}
    assert Settings.load({}, environment | own) == Settings.load({}, own)
    # a value of the pod's own stays: Kubernetes does not replace it
    port = {"TRANSLATE_SVC_PORT": "6000"}
    assert Settings.load({}, environment | port).port == 6000
    assert as_given(OutOfRange("is taken", field="port"), {}, environment).field == "--port"


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ({"TRANSLATE_SVC_SERVICE_HOST": "10.96.0.7"}, "TRANSLATE_SVC_SERVICE_HOST"),
        (links("TRANSLATE_SVC", "example.org"), "TRANSLATE_SVC_SERVICE_HOST"),
        ({"TRANSLATE_SVC_PORT": "tcp://10.96.0.7:50051"}, "TRANSLATE_SVC_PORT"),
        (links("TRANSLATE_SVC") | {"TRANSLATE_SVC_PORT": "grpc"}, "TRANSLATE_SVC_PORT"),
        (links("TRANSLATE_SVC") | {"TRANSLATE_SVC_PORTS": "1"}, "TRANSLATE_SVC_PORTS"),
        (links("TRANSLATE_SVC") | {"TRANSLATE_SVC_ADMIN_PORT": "tcp"}, "TRANSLATE_SVC_ADMIN_PORT"),
        (links("TRANSLATE_SVC") | {"TRANSLATE_SVC_MAX_STREMS": "1"}, "TRANSLATE_SVC_MAX_STREMS"),
        (links("MY_TRANSLATE_SVC") | {"TRANSLATE_SVC_PORTS": "1"}, "TRANSLATE_SVC_PORTS"),
    ],
)
def test_what_only_looks_like_a_service_is_refused(environment: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Settings.load({}, environment)
    assert caught.value.field == field
