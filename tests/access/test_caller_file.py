"""The file of callers: what it may say, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from translate_svc.access.caller_file import parse_caller_file
from translate_svc.errors import InvalidArgument
from translate_svc.types import CallerLimits, Scope

TOML, YAML = Path("callers.toml"), Path("callers.yaml")
WHOLE = """
default_class = "free"

[classes.free]
max_streams = 2
audio_s_per_minute = 90
max_targets = 1
models = ["starter"]
scopes = ["stream", "info"]

[classes.partner]
max_streams = 40
audio_s_per_minute = 3000.5
audio_burst_s = 600

[callers.alice]
class = "partner"

[callers."login:7f3a"]
revoked = true

[tokens.login]
issuer = "https://login.example.org/"
audience = ["translate-svc"]
algorithms = ["RS256", "ES256"]
key_set = "https://login.example.org/keys.json"
class_claim = "plan"

[certificates]
names = ["uri", "common_name"]
class = "partner"
"""
ISSUER = """
[tokens.login]
issuer = "https://login.example.org/"
audience = ["translate-svc"]
algorithms = ["RS256"]
key_set = "keys.json"
"""


def test_limits_of_a_class() -> None:
    file = parse_caller_file(WHOLE, TOML)
    assert file.classes["free"].limits() == CallerLimits(2, 90.0, 90.0, 1, frozenset({"starter"}))
    assert file.classes["free"].scope_set() == {Scope.STREAM, Scope.INFO}
    assert file.classes["partner"].limits() == CallerLimits(40, 3000.5, 600.0, None, None)
    assert file.classes["partner"].scope_set() == frozenset(Scope)
    assert file.callers["login:7f3a"].revoked
    assert file.tokens["login"].is_remote


def test_yaml_says_the_same() -> None:
    text = """
    default_class: free
    classes:
      free: {max_streams: 2, audio_s_per_minute: 90, scopes: [stream, info]}
    certificates: {class: free}
    """
    file = parse_caller_file(text, YAML)
    assert file.classes["free"].limits().max_streams == 2
    assert file.certificates is not None
    assert file.certificates.caller_class == "free"


def test_a_caller_that_yaml_has_twice_is_refused_as_in_toml() -> None:
    """The later entry would undo the revocation, and nobody would be told."""
    text = "callers:\n  mallory: {revoked: true}\n  alice: {}\n  mallory: {}\n"
    with pytest.raises(InvalidArgument, match=r"mallory is there twice \(at line 4, column 3\)"):
        parse_caller_file(text, YAML)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[classes.free]\nmax_stream = 2",
            "classes.free.max_stream is not a setting; did you mean max_streams?",
        ),
        ("[class.free]", "class is not a setting; did you mean classes?"),
        ("[callers.alice]\nlimit = 1", "callers.alice.limit is not a setting"),
        ("[classes.free]\nmax_streams = 0", "classes.free.max_streams: must be greater than or equal to 1"),
        ("[classes.free]\nmax_streams = '2'", "classes.free.max_streams: must be a valid integer"),
        ("[classes.free]\naudio_s_per_minute = inf", "classes.free.audio_s_per_minute: must be"),
        ("[classes.free]\naudio_burst_s = 60", "classes.free: audio_burst_s needs audio_s_per_minute"),
        ("[classes.free]\naudio_s_per_minute = 1\naudio_burst_s = 61", "more than 60 minutes bring"),
        (
            "[classes.free]\nscopes = ['all']",
            "classes.free.scopes.0: must be 'stream', 'translate'",
        ),
        ("[classes.free]\nmodels = []", "classes.free.models: "),
        ("[classes.'Two Words']", "classes.Two Words.[key]: "),
        ("default_class = 'free'", "default_class names free, which is not in classes"),
        ("[callers.alice]\nclass = 'free'", "callers.alice.class names free, which is not in classes"),
        (ISSUER + "class = 'free'", "tokens.login.class names free"),
        ("[certificates]\nclass = 'free'", "certificates.class names free"),
        (ISSUER.replace("RS256", "HS256"), "tokens.login.algorithms.0: must be 'RS256', "),
        (ISSUER.replace("RS256", "none"), "tokens.login.algorithms.0: must be 'RS256', "),
        (ISSUER.replace("keys.json", "http://h/keys"), "tokens.login.key_set: must be a file or an https"),
        (ISSUER.replace('audience = ["translate-svc"]', ""), "tokens.login.audience: field required"),
        (ISSUER.replace("[tokens.login]", "[tokens.certificate]"), "stands for client certificates"),
        (ISSUER + ISSUER.replace("tokens.login", "tokens.other"), "tokens has one issuer twice"),
        ("max_streams", "Expected '=' after a key"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_caller_file(text, TOML)
    assert said in refusal.value.description
    assert "\n" not in str(refusal.value)
    assert refusal.value.field == "callers"
