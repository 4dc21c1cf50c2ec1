"""One caller, however it says who it is; and what becomes of it when the operator changes the file."""

from __future__ import annotations

import functools
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.access.test_client_certificates import certificate, uri
from tests.tokens import Issuer
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers, Credentials
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.errors import InvalidArgument, PermissionDenied, Unauthenticated
from translate_svc.types import Caller, Scope

US = Issuer()
KEY, OTHER_KEY = new_key(), new_key()
WORKLOAD = "spiffe://example.org/bridge"
ISSUER = '[tokens.login]\nissuer = "https://login.example.org/"'
FILE = f"""
default_class = "free"

[classes.free]
max_streams = 2
scopes = ["stream", "info"]

[classes.partner]
max_streams = 40

[classes.trial]
audio_s_per_minute = 30

[callers.alice]
class = "partner"

{ISSUER}
audience = ["translate-svc"]
algorithms = ["RS256"]
key_set = "keys.json"
class_claim = "plan"
scope_claim = "scope"

[certificates]
class = "partner"
"""


class Server:
    """The files of a server, and its callers."""

    def __init__(self, folder: Path) -> None:
        self.key_set = US.write(folder / "keys.json")
        self.keys, self.file = folder / "keys", folder / "callers.toml"
        self.keys.write_text(f"{key_line('alice', KEY)}\n{key_line('bob', OTHER_KEY)}\n")
        self.file.write_text(FILE)
        self.now_s = time.time()
        self.callers = Callers(ApiKeys(self.keys), self.file, clock=lambda: self.now_s)

    def change(self, old: str, new: str) -> None:
        """Changes the file of callers."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))
        os.utime(self.file, ns=(1, time.time_ns()))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def with_certificate(name: str = WORKLOAD) -> Credentials:
    return Credentials(certificate=lambda: certificate(uri(name)).public_bytes(Encoding.DER))


def token(**claims: Any) -> Credentials:
    named: dict[str, Any] = {"scope": "stream info"} | claims
    return Credentials(US.token(**named))


async def test_all_ways_lead_to_the_same_kind_of_caller(server: Server) -> None:
    identify = functools.partial(server.callers.identify, scope=Scope.STREAM)
    alice = (await identify(Credentials(KEY))).caller
    assert (alice.name, alice.class_name, alice.limits.max_streams) == ("alice", "partner", 40)
    bob = (await identify(Credentials(OTHER_KEY))).caller
    assert (bob.name, bob.class_name) == ("bob", "free")
    assert bob.scopes == {Scope.STREAM, Scope.INFO}
    user = (await identify(token())).caller
    assert (user.name, user.class_name) == ("login:alice", "free"), "no two callers share a name"
    trial = (await identify(token(plan="trial"))).caller
    assert (trial.class_name, trial.limits.audio_s_per_minute) == ("trial", 30.0)
    workload = (await identify(with_certificate())).caller
    assert (workload.name, workload.class_name) == (f"certificate:{WORKLOAD}", "partner")


async def test_a_bad_key_is_not_made_good_by_a_certificate(server: Server) -> None:
    for bearer in (new_key(), US.token(exp=1), "a.b.c"):
        with pytest.raises(Unauthenticated):
            await server.callers.identify(Credentials(bearer, with_certificate().certificate), Scope.STREAM)


async def test_scopes_are_those_of_the_class_and_of_the_token(server: Server) -> None:
    identify = server.callers.identify
    with pytest.raises(PermissionDenied, match="scope translate"):
        await identify(Credentials(OTHER_KEY), Scope.TRANSLATE)
    await identify(Credentials(KEY), Scope.TRANSLATE)
    with pytest.raises(PermissionDenied, match="scope stream"):
        await identify(token(scope="info translate"), Scope.STREAM)
    with pytest.raises(PermissionDenied, match="scope translate"):
        await identify(token(scope="info translate"), Scope.TRANSLATE)  # its class lacks it
    await identify(token(scope="info translate", plan="partner"), Scope.TRANSLATE)


async def test_a_class_that_the_file_lacks_is_refused(server: Server) -> None:
    with pytest.raises(PermissionDenied, match="class"):
        await server.callers.identify(token(plan="enterprise"), Scope.STREAM)
    server.change('default_class = "free"', "")
    with pytest.raises(PermissionDenied, match="class"):
        await server.callers.identify(Credentials(OTHER_KEY), Scope.STREAM)


async def test_a_changed_file_counts_at_once(server: Server) -> None:
    before = await server.callers.identify(Credentials(OTHER_KEY), Scope.STREAM)
    assert before.may_stay()
    server.change("max_streams = 2", "max_streams = 3")
    after = await server.callers.identify(Credentials(OTHER_KEY), Scope.STREAM)
    assert after.caller.limits.max_streams == 3
    assert before.may_stay()


@pytest.mark.parametrize(
    ("old", "new", "who"),
    [
        ("[callers.alice]", "[callers.bob]\nrevoked = true\n[callers.alice]", Credentials(OTHER_KEY)),
        ("[callers.alice]", "[callers.'login:alice']\nrevoked = true\n[callers.alice]", token()),
        ("[callers.alice]", f"[callers.'certificate:{WORKLOAD}']\nrevoked = true\n[callers.alice]",
         with_certificate()),
        (ISSUER, ISSUER.replace("login", "other"), token()),
        ("[certificates]\nclass = \"partner\"", "", with_certificate()),
        ("[classes.trial]", "[classes.gone]", token(plan="trial")),
    ],
)  # fmt: skip
async def test_who_is_taken_out_is_refused_and_may_not_stay(
    server: Server, old: str, new: str, who: Credentials
) -> None:
    found = await server.callers.identify(who, Scope.STREAM)
    other = await server.callers.identify(Credentials(KEY), Scope.STREAM)
    assert found.may_stay()
    server.change(old, new)
    assert not found.may_stay()
    assert other.may_stay()
    with pytest.raises((Unauthenticated, PermissionDenied)):
        await server.callers.identify(who, Scope.STREAM)


async def test_a_bad_version_leaves_the_old_one_in_force(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        server.change("max_streams = 2", "max_streamz = 2")
        found = await server.callers.identify(Credentials(OTHER_KEY), Scope.STREAM)
        assert found.caller.limits.max_streams == 2
    assert caplog.messages == [
        "callers: classes.free.max_streamz is not a setting; did you mean max_streams?; "
        "what was read before stays in force"
    ]
    server.key_set.unlink()
    server.change("max_streamz = 2", "max_streams = 9")
    found = await server.callers.identify(Credentials(OTHER_KEY), Scope.STREAM)
    assert found.caller.limits.max_streams == 2, "its file of keys is gone"


async def test_a_stream_outlives_its_token_unless_the_file_says_otherwise(server: Server) -> None:
    for ends in (False, True):
        found = await server.callers.identify(token(), Scope.STREAM)
        server.now_s += 2 * 3_600
        assert found.may_stay() != ends
        server.now_s -= 2 * 3_600
        if not ends:
            server.change("class_claim", "streams_end_at_expiry = true\nclass_claim")


async def test_a_secret_stands_for_its_caller_as_long_as_that_is_admitted(server: Server) -> None:
    secrets, callers = ClientSecrets(), server.callers

    def restored(made: Caller) -> Caller:
        sealed, _ = secrets.seal(made, {}, 60)
        return callers.restored(secrets.open(sealed).caller, Scope.STREAM).caller

    who = (Credentials(KEY), Credentials(OTHER_KEY), token(plan="trial"), with_certificate())
    made = [(await callers.identify(each, Scope.STREAM)).caller for each in who]
    assert [restored(each) for each in made] == made
    server.keys.write_text(key_line("bob", OTHER_KEY))
    server.change("[certificates]", "[callers.'login:alice']\nrevoked = true\n[certificates]")
    for each in (made[0], made[2]):
        with pytest.raises(Unauthenticated):
            restored(each)
    narrow = (await callers.identify(token(scope="info", sub="carol"), Scope.INFO)).caller
    with pytest.raises(PermissionDenied, match="scope stream"):
        restored(narrow)
    with pytest.raises(Unauthenticated):
        restored(Caller("anonymous"))


def test_a_file_that_names_nobody_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "callers.toml"
    file.write_text("[classes.free]\nmax_streams = 2\n")
    with pytest.raises(InvalidArgument, match="names nobody"):
        Callers(None, file)
    with pytest.raises(InvalidArgument, match="cannot be read"):
        Callers(None, tmp_path / "missing.toml")
