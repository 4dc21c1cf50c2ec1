"""Client secrets: a sealed value comes back, for its time, and nothing else does."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, MultiFernet

from translate_svc.access.client_secrets import MAX_SECRET_CHARACTERS, ClientSecrets
from translate_svc.access.monotonic_date import MonotonicDate
from translate_svc.errors import OutOfRange, Unauthenticated
from translate_svc.types import Caller

ALICE = Caller("alice")
SESSION = {"audio": {"output": {"language": "es"}}}


def test_a_secret_stands_for_its_caller_and_session_until_it_expires() -> None:
    now_s = 1_000.5
    secrets = ClientSecrets(date=MonotonicDate(lambda: now_s))
    secret, expires_at = secrets.seal(ALICE, SESSION, 60)
    assert expires_at == 1_060
    opened = secrets.open(secret)
    assert (opened.caller, opened.session, opened.expires_at) == (ALICE, SESSION, 1_060)
    assert secrets.open(secret) == opened, "one secret opens several sessions"
    now_s = 1_060.0
    with pytest.raises(Unauthenticated, match="expired"):
        secrets.open(secret)


def test_setting_the_clock_back_lengthens_no_life() -> None:
    now_s, steady_s = 1_000.0, 5.0
    secrets = ClientSecrets(date=MonotonicDate(lambda: now_s, lambda: steady_s))
    secret, _ = secrets.seal(ALICE, SESSION, 60)
    now_s, steady_s = now_s - 3_600, steady_s + 59
    assert secrets.open(secret).caller == ALICE
    steady_s += 1
    with pytest.raises(Unauthenticated, match="expired"):
        secrets.open(secret)


def test_it_tells_its_bearer_nothing_and_fits_a_subprotocol() -> None:
    secret, _ = ClientSecrets().seal(ALICE, SESSION, 60)
    assert "alice" not in secret
    assert all(each.isalnum() or each in "-_" for each in secret)


@pytest.mark.parametrize(
    "wrong", ["", "ek_", "ek_AAAA", "tsvc_key", "ek_ä", "ek_" + "A" * MAX_SECRET_CHARACTERS]
)
def test_what_was_not_sealed_here_is_refused(wrong: str) -> None:
    with pytest.raises(Unauthenticated):
        ClientSecrets().open(wrong)


def test_servers_that_share_a_key_read_each_others_and_a_foreign_message_is_no_secret() -> None:
    old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    one, other = ClientSecrets(lambda: MultiFernet([old])), ClientSecrets(lambda: MultiFernet([new, old]))
    secret, _ = one.seal(ALICE, SESSION, 60)
    assert other.open(secret).caller == ALICE
    with pytest.raises(Unauthenticated):
        ClientSecrets().open(secret)
    with pytest.raises(Unauthenticated):
        other.open("ek_" + new.encrypt(b'{"caller":"alice"}').decode())


def test_settings_that_do_not_fit_a_header_are_refused() -> None:
    with pytest.raises(OutOfRange, match="session"):
        ClientSecrets().seal(ALICE, {"long": "x" * MAX_SECRET_CHARACTERS}, 60)
