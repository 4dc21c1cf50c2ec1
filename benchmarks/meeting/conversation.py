"""Three people in a room take turns, and each listens to the others in their own language."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import numpy as np
from meeting_translate_svc import Room

from benchmarks.meeting.participant import RATE_HZ, Heard, Participant, clip, participating, until
from tests.clips import entries, texts

PEOPLE = {
    "Ann (en)": ("eng", "English (interpreted)", ("eng_1", "eng_2", "eng_3")),
    "Juan (es)": ("spa", "Spanish (interpreted)", ("spa_1", "spa_2")),
    "Lea (fr)": ("fra", "French (interpreted)", ("fra_1", "fra_2")),
}
"""Names, languages, feeds, and what each says, one sentence a turn."""

_FRAME_S = 0.02
_SOUND_CHECKS = 5
_SOUND_CHECK_S = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One sentence. Times are those of the loop: of its first and of its last word."""

    name: str
    clip: str
    begins_s: float
    ends_s: float


@dataclass(slots=True)
class Figures:
    """What was measured in one room or in several.

    Attributes:
        turns: sentences that were said.
        wanted: texts that they should have come to, in all languages but the speaker's.
        lost: those that did not come.
        as_written: those that came word for word as the recordings' list has them.
        begin_lags_s: from the first word to the first sound of its translation.
        end_lags_s: from the last word to the last sound of its translation.
        silent: translations of which nothing was heard before the next person spoke.
    """

    turns: int = 0
    wanted: int = 0
    lost: int = 0
    as_written: int = 0
    silent: int = 0
    begin_lags_s: list[float] = field(default_factory=list)
    end_lags_s: list[float] = field(default_factory=list)


class Conversation:
    """A room with three people."""

    def __init__(self, url: str, room: Room) -> None:
        self._url = url
        self._room = room
        self._stack = AsyncExitStack()
        self._people: dict[str, Participant] = {}
        self._heard: dict[str, Heard] = {}
        self._turns: list[Turn] = []

    async def __aenter__(self) -> Conversation:
        for name in PEOPLE:
            person = participating(self._url, self._room, name)
            self._people[name] = await self._stack.enter_async_context(person)
        for name, (_, feed, _) in PEOPLE.items():
            self._heard[name] = await self._people[name].listen(feed)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def check_sound(self) -> None:
        """Everybody says something until the others can read it: only then the interpreter hears all."""
        for name in PEOPLE:
            await self._check(name)
        self._turns.clear()
        for heard in self._heard.values():
            heard.captions.clear()

    async def _check(self, name: str) -> None:
        others = [heard for listener, heard in self._heard.items() if listener != name]
        for _ in range(_SOUND_CHECKS):
            await self._say(name, PEOPLE[name][2][0])
            with contextlib.suppress(TimeoutError):
                await until(lambda: all(self._texts(heard, name) for heard in others), _SOUND_CHECK_S)
                await asyncio.sleep(_SOUND_CHECK_S / 2)  # for what a further attempt has still to bring
                break
        else:
            raise RuntimeError(f"{name} of room {self._room.room_id} is not interpreted")

    async def talk(self, seconds: float, pause_s: float) -> None:
        """Speaks in turns for that long; between them it is quiet for ``pause_s``."""
        now_s = asyncio.get_running_loop().time
        ends_s = now_s() + seconds
        said = {name: itertools.cycle(clips) for name, (_, _, clips) in PEOPLE.items()}
        for name in itertools.cycle(PEOPLE):
            if now_s() > ends_s:
                break
            await self._say(name, next(said[name]))
            await asyncio.sleep(pause_s)

    async def _say(self, name: str, said: str) -> None:
        microphone = self._people[name].microphone
        (sentence,) = entries()[said]["sentences"]
        begins_s = asyncio.get_running_loop().time()
        samples = clip(said)[: int(sentence["end_ms"] * RATE_HZ / 1000)]
        microphone.say(samples)
        await microphone.finished.wait()
        ends_s = asyncio.get_running_loop().time()
        words_s = (sentence["end_ms"] - sentence["start_ms"]) / 1000
        self._turns.append(Turn(name, said, max(begins_s, ends_s - words_s), ends_s))

    def measure(self, figures: Figures) -> None:
        """Adds what came of the turns."""
        figures.turns += len(self._turns)
        for listener, (language, _, _) in PEOPLE.items():
            heard = self._heard[listener]
            for speaker in PEOPLE:
                if speaker != listener:
                    self._count_texts(figures, heard, speaker, language)
            starts_s = [turn.begins_s for turn in self._turns[1:]] + [float("inf")]
            times_s = loud_times_s(heard)
            for turn, next_s in zip(self._turns, starts_s, strict=True):
                if turn.name != listener:
                    _measure_sound(figures, turn, times_s[(times_s > turn.begins_s) & (times_s < next_s)])

    def _count_texts(self, figures: Figures, heard: Heard, speaker: str, language: str) -> None:
        """A person's texts come in the order in which they were said."""
        came = self._texts(heard, speaker)
        wanted = [texts(turn.clip)[language] for turn in self._turns if turn.name == speaker]
        figures.wanted += len(wanted)
        figures.lost += max(0, len(wanted) - len(came))
        figures.as_written += sum(text in came for text in wanted)

    def _texts(self, heard: Heard, speaker: str) -> list[str]:
        """What came of a person over a feed, utterance by utterance."""
        speaker_id = self._people[speaker].feed_id
        return [
            each["text"] for each in heard.captions if each["final"] and each["speaker"]["id"] == speaker_id
        ]


def _measure_sound(figures: Figures, turn: Turn, times_s: np.ndarray) -> None:
    if not len(times_s):
        figures.silent += 1
        return
    figures.begin_lags_s.append(float(times_s[0]) - turn.begins_s)
    figures.end_lags_s.append(float(times_s[-1]) + _FRAME_S - turn.ends_s)


def loud_times_s(heard: Heard) -> np.ndarray:
    """When each loud frame of 20 ms was heard."""
    frame_bytes = 2 * round(_FRAME_S * RATE_HZ)
    arrivals_s = [arrived_s for arrived_s, pcm in heard.parts for _ in range(len(pcm) // frame_bytes)]
    loud = heard.loud()
    return np.array(arrivals_s)[: len(loud)][loud[: len(arrivals_s)]]
