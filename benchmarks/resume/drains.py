"""Two servers are drained in turns under streams whose clients take no notice of ``go_away``."""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.capacity.caller import clips
from benchmarks.resume.raw_client import RATE_HZ, Heard, RawStream
from benchmarks.resume.servers import servers, starter_command
from translate_svc.access.resume_tokens import new_resume_key

_CLIPS = ("eng_1", "eng_2", "eng_3", "eng_two", "demo_eng")
_GRACE_S = 4.0
_BETWEEN_S = (2.0, 5.0)
_UNDISTURBED_SPEED = 40.0


@dataclass(frozen=True, slots=True)
class DrainResult:
    """What streams lost that were cut by every drain.

    Attributes:
        moves: how often a stream went on at the other server.
        cut: utterances that a drain ended in their middle, and that came whole afterwards.
        different: utterances that were lost, doubled, or have other words or another place than in the same
            stream at a server that stays.
        changed: utterances that were whole before a move, and came again with another text after it.
    """

    streams: int
    drains: int
    moves: int
    cut: int
    utterances: int
    words: int
    different: int
    changed: int


async def run_drains(*, streams: int, drains: int, seconds: float) -> tuple[DrainResult, list[str]]:
    """``streams`` of so many seconds each, in real time, and ``drains`` in a row while they speak.

    Returns the result, and notes on the differences.
    """
    said = [_speech(first, seconds) for first in range(len(_CLIPS))]
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "resume-keys"
        keys.write_text(new_resume_key() + "\n")
        command = starter_command(keys, "--max-streams", str(streams), "--drain-grace-s", str(_GRACE_S))
        async with servers(2, command) as pair:
            addresses = [server.address for server in pair]
            wanted = [await RawStream(addresses[1:], pcm, speed=_UNDISTURBED_SPEED).run() for pcm in said]
            speaking = [
                asyncio.create_task(RawStream(addresses, said[number % len(said)]).run())
                for number in range(streams)
            ]
            for turn in range(drains):
                await asyncio.sleep(random.uniform(*_BETWEEN_S))
                await pair[turn % 2].drain()
                await pair[turn % 2].start()
            heard = await asyncio.gather(*speaking)
    return _compared(heard, [wanted[number % len(said)] for number in range(streams)], drains)


def _speech(first: int, seconds: float) -> bytes:
    """Sentences with pauses, in another order for each ``first``. 16-bit PCM."""
    sentences, pause = clips(_CLIPS), np.zeros(RATE_HZ * 7 // 10, np.float32)
    parts = itertools.islice(itertools.cycle(sentences), first, None)
    said = [np.concatenate([next(parts), pause])]
    while sum(map(len, said)) < seconds * RATE_HZ:
        said.append(np.concatenate([next(parts), pause]))
    return (np.concatenate(said) * 32_767).astype("<i2").tobytes()


def _compared(heard: Sequence[Heard], wanted: Sequence[Heard], drains: int) -> tuple[DrainResult, list[str]]:
    notes = []
    for number, (got, right) in enumerate(zip(heard, wanted, strict=True)):
        for utterance_id in sorted(got.texts.keys() | right.texts.keys()):
            one, other = _told(got, utterance_id), _told(right, utterance_id)
            if one != other:
                notes.append(f"stream {number}, utterance {utterance_id}: {one} is not {other}")
    result = DrainResult(
        streams=len(heard),
        drains=drains,
        moves=sum(each.moves for each in heard),
        cut=sum(each.cut for each in heard),
        utterances=sum(len(each.texts) for each in wanted),
        words=sum(len(text.split()) for each in wanted for text in each.texts.values()),
        different=len(notes),
        changed=sum(each.changed for each in heard),
    )
    return result, notes


def _told(heard: Heard, utterance_id: int) -> tuple[str | None, tuple[int, int] | None]:
    return heard.texts.get(utterance_id), heard.sources.get(utterance_id)
