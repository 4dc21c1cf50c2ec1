"""Keys: made, admitted, revoked while the server runs, and never shown."""

from __future__ import annotations

import hmac
import logging
import os
from pathlib import Path

import pytest

from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.errors import InvalidArgument, Unauthenticated


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_keys_cannot_be_guessed_and_files_do_not_hold_them() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    key = made.pop()
    assert len(key) >= 43, "256 bits in base64"
    assert key not in key_line("alice", key)


def test_every_entry_is_compared_whichever_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [new_key() for _ in range(5)]
    file.write_text("\n".join(key_line(f"k{i}", key) for i, key in enumerate(made)))
    keys = ApiKeys(file)
    compared: list[str] = []

    def compare(one: str, other: str) -> bool:
        compared.append(other)
        return original(one, other)

    original = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    for key in (made[0], made[4]):
        compared.clear()
        keys.authenticate(key)
        assert len(compared) == 5
    compared.clear()
    with pytest.raises(Unauthenticated):
        keys.authenticate("wrong")
    assert len(compared) == 5


@pytest.mark.parametrize("name", ["", "A", "a:b", "a b", "a\n", "-a", "a-", "a" * 65, "é", "anonymous"])
def test_a_name_that_would_break_its_line_or_mean_everybody_is_none(name: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        key_line(name, "key")
    assert refusal.value.field == "name"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no key"),
        (b"# alice:\n", "holds no key"),
        (b"\xff", "is not UTF-8 text"),
        (b"# ok\nalice tsvc_secret", "line 2 is not NAME:SHA256"),
        (b"alice:tsvc_secret", "line 1 is not NAME:SHA256"),
        (b"alice:" + b"A" * 64, "line 1 is not NAME:SHA256"),
        (b":" + b"a" * 64, "line 1 is not NAME:SHA256"),
        (
            b"anonymous:" + b"a" * 64,
            "line 1: this name means callers of a server that does not ask who calls",
        ),
    ],
)
def test_a_file_that_admits_nobody_is_refused_without_quoting_it(
    file: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidArgument) as refusal:
        ApiKeys(file)
    assert (refusal.value.field, refusal.value.description) == ("api_keys", said)


def test_a_key_is_revoked_and_another_admitted_while_the_server_runs(file: Path) -> None:
    old, new = new_key(), new_key()
    file.write_text(key_line("alice", old))
    keys = ApiKeys(file)
    assert keys.authenticate(old) == "alice"
    swap(file, key_line("alice", new))
    assert keys.authenticate(new) == "alice"
    with pytest.raises(Unauthenticated):
        keys.authenticate(old)


def test_a_file_that_breaks_leaves_the_keys_as_they_were(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = new_key()
    file.write_text(key_line("alice", key))
    keys = ApiKeys(file)
    swap(file, f"alice:{key}")
    with caplog.at_level(logging.DEBUG):
        assert keys.authenticate(key) == "alice"
        assert keys.authenticate(key) == "alice"
    (record,) = caplog.records
    assert "what was read before stays in force" in record.getMessage()
    assert key not in caplog.text, "a key that got into the file by mistake does not get into the log"


@pytest.mark.parametrize("content", ["", "# alice left\n", None])
def test_the_last_key_can_be_revoked(file: Path, content: str | None) -> None:
    key = new_key()
    file.write_text(key_line("alice", key))
    keys = ApiKeys(file)
    assert keys.authenticate(key) == "alice"
    if content is None:
        file.unlink()
    else:
        swap(file, content)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            keys.authenticate(key)
    swap(file, key_line("alice", key))
    assert keys.authenticate(key) == "alice"


def swap(file: Path, content: str) -> None:
    """As Kubernetes does: one whole file put in place of another."""
    other = file.with_suffix(".new")
    other.write_text(content)
    os.replace(other, file)


def test_a_mark_of_utf_8_that_editors_write_is_no_part_of_the_first_name(file: Path) -> None:
    key = new_key()
    file.write_text(key_line("alice", key), encoding="utf-8-sig")
    assert ApiKeys(file).authenticate(key) == "alice"
