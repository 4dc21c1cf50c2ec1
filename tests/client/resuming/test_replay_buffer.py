"""Messages that may have to be sent again: which ones are kept, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from translate_svc.client.resuming.replay_buffer import ReplayBuffer
from translate_svc.types import (
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    SilenceInput,
    StreamSettings,
    UpdateInput,
)

CHUNK = AudioInput(bytes(20))
UPDATE = UpdateInput(StreamSettings(()))


def filled(messages: Sequence[ClientMessage], *, run_up: int = 0, max_bytes: int = 1 << 20) -> ReplayBuffer:
    """A buffer, one sample a byte, all of whose messages were sent."""
    buffer = ReplayBuffer(len, run_up_samples=run_up, max_bytes=max_bytes)
    for message in messages:
        buffer.append(message)
        send(buffer)
    return buffer


def send(buffer: ReplayBuffer) -> list[ClientMessage]:
    """Sends the messages that are not sent yet."""
    sent = []
    while (entry := buffer.next_unsent()) is not None:
        buffer.mark_sent(entry)
        sent.append(entry.message)
    return sent


def test_after_a_commit_the_rest_is_sent_again() -> None:
    chunks = [AudioInput(bytes([number] * 20)) for number in range(5)]
    buffer = filled(chunks)
    buffer.commit(50, 0)
    buffer.rewind(50, 0, run_up=True)
    assert buffer.first_sample == 40, "a chunk is sent whole"
    assert send(buffer) == chunks[2:]
    assert buffer.total_samples == 100


def test_each_message_keeps_its_place() -> None:
    messages: list[ClientMessage] = [CHUNK, FinalizeInput(), SilenceInput(30), UPDATE, CHUNK, EndInput(70)]
    buffer = filled(messages)
    buffer.rewind(0, 0, run_up=True)
    assert send(buffer) == messages
    buffer.commit(20, 0)
    buffer.rewind(20, 0, run_up=True)
    assert send(buffer) == messages[1:], "finalize at the commit point does no harm"
    buffer.rewind(50, 1, run_up=True)
    assert send(buffer) == [CHUNK, EndInput(70)]


def test_updates_are_kept_until_they_are_applied() -> None:
    buffer = filled([UPDATE, CHUNK, UPDATE, CHUNK])
    buffer.commit(40, 1)
    buffer.rewind(40, 1, run_up=True)
    assert send(buffer) == [UPDATE]
    buffer.commit(40, 2)
    buffer.rewind(40, 2, run_up=True)
    assert send(buffer) == []


def test_what_was_not_sent_is_never_dropped() -> None:
    buffer = filled([CHUNK])
    late = buffer.append(CHUNK)
    buffer.commit(20, 0)
    assert buffer.next_unsent() is late


def test_a_clear_is_not_sent_twice_and_releases_who_waits_for_it() -> None:
    buffer = filled([CHUNK])
    clear = buffer.append(ClearInput())
    assert buffer.cleared_through(0) == 20
    buffer.rewind(20, 0, run_up=False)
    assert buffer.next_unsent() is None
    assert buffer.sent_number == clear.number
    assert buffer.cleared_through(0) is None


def test_decoders_with_a_memory_get_a_run_up() -> None:
    buffer = filled([CHUNK] * 5, run_up=30)
    buffer.commit(60, 0)
    buffer.rewind(60, 0, run_up=True)
    assert buffer.first_sample == 20
    buffer.rewind(60, 0, run_up=False)
    assert buffer.first_sample == 60


@pytest.mark.parametrize("count", [100, 1_000])
def test_its_memory_is_bounded(count: int) -> None:
    buffer = filled([AudioInput(bytes(1_000))] * count, max_bytes=50_000)
    assert sum(entry.size_bytes for entry in buffer._messages) <= 50_000
    assert buffer.first_sample > 0
    assert buffer.total_samples == 1_000 * count
