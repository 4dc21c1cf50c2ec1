"""Resume tokens: sealed, bound, expiring; keys that are shared and replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.access.monotonic_date import MonotonicDate
from translate_svc.access.resume_tokens import ResumeTokens, TokenBinding, new_resume_key
from translate_svc.errors import InvalidArgument

ALICE = TokenBinding("alice", "pcm")
STATE: dict[str, Any] = {"position": 44_032, "text": "¿Qué tal?", "history": [1, 2, 3]}


class _Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "resume-keys"


def _refusal(tokens: ResumeTokens, token: bytes, binding: TokenBinding = ALICE) -> str:
    with pytest.raises(InvalidArgument) as refused:
        tokens.open(token, binding)
    assert refused.value.field == "config.resume_token"
    return refused.value.description


def test_servers_that_share_a_file_open_each_others_tokens(file: Path) -> None:
    file.write_text(f"# of the deployment\n{new_resume_key()}\n")
    assert ResumeTokens(file, 60).open(ResumeTokens(file, 60).seal(STATE, ALICE), ALICE) == STATE


def test_without_a_file_a_token_serves_its_own_process_alone() -> None:
    one, other = ResumeTokens(None, 60), ResumeTokens(None, 60)
    token = one.seal(STATE, ALICE)
    assert one.open(token, ALICE) == STATE
    assert "has other keys" in _refusal(other, token)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_an_altered_token_is_refused_whichever_bit_it_is(place: float, bit: int) -> None:
    tokens = ResumeTokens(None, 60)
    token = bytearray(tokens.seal(STATE, ALICE))
    token[int(place * len(token))] ^= 1 << bit
    assert "cannot be read" in _refusal(tokens, bytes(token))


def test_a_token_serves_its_caller_and_configuration_alone() -> None:
    tokens = ResumeTokens(None, 60)
    token = tokens.seal(STATE, ALICE)
    assert "another caller" in _refusal(tokens, token, TokenBinding("bob", "pcm"))
    assert "other formats" in _refusal(tokens, token, TokenBinding("alice", "opus"))


def test_a_token_expires() -> None:
    clock = _Clock()
    tokens = ResumeTokens(None, 60, date=MonotonicDate(clock, clock))
    token = tokens.seal(STATE, ALICE)
    clock.now_s += 60
    assert tokens.open(token, ALICE) == STATE
    clock.now_s += 1
    assert "expired" in _refusal(tokens, token)


def test_a_token_from_the_future_is_refused() -> None:
    clock = _Clock()
    tokens = ResumeTokens(None, 60, date=MonotonicDate(clock, clock))
    token = tokens.seal(STATE, ALICE)
    clock.now_s -= 50
    assert tokens.open(token, ALICE) == STATE
    clock.now_s -= 50
    assert "clocks" in _refusal(tokens, token)


def test_a_key_is_replaced_while_servers_run(file: Path) -> None:
    old, new = new_resume_key(), new_resume_key()
    file.write_text(f"{old}\n")
    tokens = ResumeTokens(file, 60)
    first = tokens.seal(STATE, ALICE)
    file.write_text(f"{old}\n{new}\n")
    assert tokens.open(first, ALICE) == STATE
    file.write_text(f"{new}\n{old}  # until its tokens have expired\n")
    second = tokens.seal(STATE, ALICE)
    assert [tokens.open(token, ALICE) for token in (first, second)] == [STATE] * 2
    file.write_text(f"{new}\n")
    assert tokens.open(second, ALICE) == STATE
    assert "has other keys" in _refusal(tokens, first)


def test_a_broken_file_leaves_the_keys_in_force(file: Path) -> None:
    file.write_text(f"{new_resume_key()}\n")
    tokens = ResumeTokens(file, 60)
    token = tokens.seal(STATE, ALICE)
    for text in ("", "half a key\n"):
        file.write_text(text)
        assert tokens.open(token, ALICE) == STATE
    file.unlink()
    assert tokens.open(token, ALICE) == STATE


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "holds no key"), ("# none\n", "holds no key"), ("\nsecret words\n", "line 2 is not a key")],
)
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidArgument) as refused:
        ResumeTokens(file, 60)
    assert refused.value.field == "resume_keys"
    assert says in refused.value.description
    assert "secret" not in str(refused.value)
    with pytest.raises(InvalidArgument, match="cannot be read"):
        ResumeTokens(file / "absent", 60)


@pytest.mark.parametrize("step_s", [7_200, -7_200])
def test_setting_the_clock_costs_no_token(step_s: float) -> None:
    """Neither those that were sealed before the step nor those after it; and they expire as ever."""
    clock, steady = _Clock(), _Clock()
    tokens = ResumeTokens(None, 60, date=MonotonicDate(clock, steady))
    before = tokens.seal(STATE, ALICE)
    clock.now_s += step_s
    assert tokens.open(before, ALICE) == STATE
    after = tokens.seal(STATE, ALICE)
    assert tokens.open(after, ALICE) == STATE
    for each in (clock, steady):
        each.now_s += 61
    _refusal(tokens, before)
    _refusal(tokens, after)
