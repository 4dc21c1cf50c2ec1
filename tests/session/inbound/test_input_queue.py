"""When the reader of a stream's input is woken, and when its writer."""

from __future__ import annotations

import asyncio

import numpy as np

from translate_svc.session.inbound.input_queue import (
    InputQueue,
    Queued,
    QueuedAudio,
)

SECOND = 16_000


def audio(samples: int) -> QueuedAudio:
    return QueuedAudio(np.zeros(samples, np.float32), 0.0)


async def settled(task: asyncio.Task[Queued]) -> bool:
    """Whether it is done once everybody had a turn."""
    for _ in range(3):
        await asyncio.sleep(0)
    return task.done()


async def test_the_reader_sleeps_until_there_is_as_much_audio_as_it_wants() -> None:
    queue = InputQueue(SECOND)
    reader = asyncio.create_task(queue.get(512))
    await settled(reader)
    queue.put(audio(320))
    assert not await settled(reader)
    queue.put(audio(191))
    assert not await settled(reader)
    queue.put(audio(1))
    assert await settled(reader)
    taken = [reader.result(), await queue.get(512), await queue.get(512)]
    assert [len(item.samples) for item in taken if isinstance(item, QueuedAudio)] == [320, 191, 1]


async def test_what_was_dropped_does_not_count() -> None:
    queue = InputQueue(SECOND)
    reader = asyncio.create_task(queue.get(512))
    await settled(reader)
    queue.put(audio(500))
    assert queue.drop_audio() == 500
    queue.put(audio(500))
    assert not await settled(reader)
    queue.put(audio(12))
    assert await settled(reader)


async def test_the_writer_goes_on_where_there_is_room_again() -> None:
    queue = InputQueue(1_000)
    queue.put(audio(1_000))
    writer = asyncio.create_task(queue.wait_for_room())
    await asyncio.sleep(0)
    assert not writer.done()
    await queue.get()
    await asyncio.wait_for(writer, 1)
    assert queue.has_room
