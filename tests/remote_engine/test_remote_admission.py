"""Front processes ask the engine's process, and every count is exact, however long messages take."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.virtual_time import virtual_time
from translate_svc.errors import EngineLost, PermissionDenied, QuotaExceeded, ResourceExhausted
from translate_svc.remote_engine.admission_messages import AdmissionAnswers, AdmissionCommands
from translate_svc.remote_engine.front_admission import FrontAdmission
from translate_svc.remote_engine.remote_admission import RemoteAdmission
from translate_svc.session.admission import Admission, AdmissionOptions, AdmissionSlot
from translate_svc.session.quotas.caller_admission import CallerAdmission
from translate_svc.session.quotas.quotas import Quotas
from translate_svc.types import Caller, CallerLimits

ALICE = Caller("alice", limits=CallerLimits(max_streams=3, audio_s_per_minute=60.0, audio_burst_s=30.0))
BOB = Caller("bob")
MAX_STREAMS = 5
ANSWER_TIMEOUT_S = 5.0


class Wire:
    """One front process and what is on its way. Messages keep their order, and take as long as it pleases."""

    def __init__(self, index: int, engine: FrontAdmission) -> None:
        self.index, self.engine = index, engine
        self.front = RemoteAdmission(lambda: None, ANSWER_TIMEOUT_S)
        self.asked: deque[AdmissionCommands] = deque()
        self.answered: deque[AdmissionAnswers] = deque()

    def send(self) -> None:
        if (message := self.front.take()) is not None:
            self.asked.append(message)

    def ask(self) -> None:
        if self.asked:
            self.answered.append(self.engine.answer(self.index, self.asked.popleft()))

    def answer(self) -> None:
        if self.answered:
            self.front.receive(self.answered.popleft())

    async def deliver_all(self) -> None:
        """Until neither side has anything to say."""
        for _ in range(4):
            for step in (self.send, self.ask, self.answer):
                step()
                while self.asked or self.answered:
                    self.ask()
                    self.answer()
            await asyncio.sleep(0)


class Server:
    """The engine's process, and two front processes."""

    def __init__(self) -> None:
        self.admission = Admission(AdmissionOptions(max_streams=MAX_STREAMS))
        self.quotas = Quotas("m")
        self.engine = FrontAdmission(CallerAdmission(self.admission, self.quotas))
        self.wires = [Wire(index, self.engine) for index in range(2)]

    async def deliver_all(self) -> None:
        for wire in self.wires:
            await wire.deliver_all()

    def end(self, index: int) -> None:
        """A front process has died, and another one takes its place."""
        self.wires[index].front.lose()
        self.engine.release(index)
        self.wires[index] = Wire(index, self.engine)


def play(scenario: Callable[[Server], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await scenario(Server())

    with virtual_time() as runner:
        runner.run(run())


class Openings:
    """Streams that open, close, and leave before they are open, by caller and front process."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.server, self.chance = server, chance
        self.waiting: list[tuple[Caller, int, asyncio.Task[AdmissionSlot]]] = []
        self.inside: list[tuple[Caller, int, AdmissionSlot]] = []

    def come(self) -> None:
        caller, index = self.chance.choice((ALICE, BOB)), self.chance.randrange(2)
        admitted = self.server.wires[index].front.admit(caller, 1.0)
        self.waiting.append((caller, index, asyncio.create_task(admitted)))

    def give_up(self) -> None:
        if self.waiting:
            self.chance.choice(self.waiting)[2].cancel()

    def close(self) -> None:
        if self.inside:
            self.inside.pop(self.chance.randrange(len(self.inside)))[2].release()

    def die(self) -> None:
        if not self.chance.randrange(10):
            index = self.chance.randrange(2)
            self.server.end(index)
            self.inside = [each for each in self.inside if each[1] != index]

    def move(self) -> None:
        wire = self.chance.choice(self.server.wires)
        self.chance.choice((wire.send, wire.ask, wire.answer))()

    async def settle(self) -> None:
        """Notes who was admitted, and checks that there are never too many."""
        for _ in range(3):
            await asyncio.sleep(0)
        for caller, index, task in tuple(self.waiting):
            if task.done():
                self.waiting.remove((caller, index, task))
                if not task.cancelled() and task.exception() is None:
                    self.inside.append((caller, index, task.result()))
        assert sum(caller is ALICE for caller, _, _ in self.inside) <= 3
        assert len(self.inside) <= MAX_STREAMS


@pytest.mark.parametrize("seed", range(20))
def test_never_more_streams_than_may_be_and_none_is_forgotten(seed: int) -> None:
    async def scenario(server: Server) -> None:
        chance = random.Random(seed)
        openings = Openings(server, chance)
        steps = [openings.come] * 3 + [openings.move] * 9 + [openings.give_up, openings.close, openings.die]
        for _ in range(400):
            chance.choice(steps)()
            await openings.settle()
        await server.deliver_all()
        await openings.settle()
        assert not openings.waiting
        assert len(openings.inside) == server.admission.live
        assert [wire.front.live for wire in server.wires] == [server.engine.live(0), server.engine.live(1)]
        while openings.inside:
            openings.close()
        await server.deliver_all()
        assert server.admission.live == 0
        for wire in server.wires * 2:
            again = asyncio.create_task(wire.front.admit(ALICE, 1.0))
            await asyncio.sleep(0)
            await server.deliver_all()
            if server.admission.live < 3 or again.exception() is None:
                await again
                continue
            with pytest.raises(QuotaExceeded, match="3 streams of this caller are open"):
                await again
        assert server.admission.live == 3

    play(scenario)


@pytest.mark.parametrize("seed", range(8))
def test_audio_of_all_processes_comes_from_one_bucket(seed: int) -> None:
    """In a minute a caller sends its burst and a minute's worth, to within one message."""

    async def scenario(server: Server) -> None:
        chance, sent_s, began_s = random.Random(seed), 0.0, asyncio.get_running_loop().time()
        message_s = chance.choice((0.02, 0.1, 0.5))

        async def stream(front: RemoteAdmission) -> None:
            nonlocal sent_s
            while True:
                if wait_s := await front.draw(ALICE, message_s, patient=True):
                    await asyncio.sleep(wait_s)
                    continue
                sent_s += message_s
                passed_s = asyncio.get_running_loop().time() - began_s
                assert sent_s <= 30 + passed_s + message_s + 1e-6
                await asyncio.sleep(chance.choice((0.0, message_s / 2)) if chance.randrange(50) else 1.5)

        streams = [asyncio.create_task(stream(chance.choice(server.wires).front)) for _ in range(4)]
        for step in range(3_000):
            await asyncio.sleep(0.02)
            for wire in server.wires:
                if chance.randrange(3):
                    await wire.deliver_all()
                if step % 25 == 0:
                    wire.front.give_back()
        assert not any(task.done() for task in streams)
        assert sent_s > 30 + 60 - 3
        for task in streams:
            task.cancel()
        for wire in server.wires * 2:
            wire.front.give_back()
        await server.deliver_all()
        passed_s = asyncio.get_running_loop().time() - began_s
        left_s = 30 + passed_s - sent_s
        server.quotas.charge(ALICE, left_s - 0.1)
        assert server.quotas.draw(ALICE, 0.0).wait_s == 0, "all that was drawn and not sent has come back"
        server.quotas.charge(ALICE, 0.2)
        with pytest.raises(QuotaExceeded):
            server.quotas.draw(ALICE, 0.0)

    play(scenario)


def test_what_is_refused_is_told_as_it_is() -> None:
    async def scenario(server: Server) -> None:
        wire = server.wires[0]
        other = Caller("carol", limits=CallerLimits(models=frozenset({"another"})))
        asking = [asyncio.create_task(each) for each in (wire.front.check(other), wire.front.check(ALICE))]
        await asyncio.sleep(0)
        await wire.deliver_all()
        with pytest.raises(PermissionDenied):
            await asking[0]
        await asking[1]
        wire.front.charge(ALICE, 31.0)
        late = asyncio.create_task(wire.front.draw(ALICE, 0.1, patient=False))
        await asyncio.sleep(0)
        await wire.deliver_all()
        with pytest.raises(QuotaExceeded, match="60 s of audio a minute"):
            await late
        assert server.admission.live == 0

    play(scenario)


def test_nobody_waits_for_an_answer_without_end_and_a_late_one_is_undone() -> None:
    async def scenario(server: Server) -> None:
        wire, clock = server.wires[0], asyncio.get_running_loop().time
        began_s = clock()
        for ask in (
            wire.front.admit(ALICE, 1.0),
            wire.front.check(ALICE),
            wire.front.draw(ALICE, 1.0, patient=True),
        ):
            with pytest.raises(ResourceExhausted, match="has not answered for 5 s") as refusal:
                await ask
            assert refusal.value.retry_after_s > 0
        assert clock() - began_s == pytest.approx(15.0)
        await wire.deliver_all()
        assert (server.admission.live, wire.front.live) == (0, 0)
        assert await wire.front.draw(ALICE, 1.0, patient=True) == 0, "the audio came late, and is used"

    play(scenario)


def test_who_leaves_in_the_moment_of_the_answer_has_no_slot() -> None:
    async def scenario(server: Server) -> None:
        wire = server.wires[0]
        coming = asyncio.create_task(wire.front.admit(BOB, 1.0))
        await asyncio.sleep(0)
        for step in (wire.send, wire.ask, wire.answer, coming.cancel):
            step()
        await asyncio.wait({coming})
        assert coming.cancelled()
        assert server.admission.live == 1, "nobody knows yet"
        await wire.deliver_all()
        assert (server.admission.live, wire.front.live) == (0, 0)

    play(scenario)


def test_audio_that_is_given_back_while_more_is_drawn_counts_once() -> None:
    async def scenario(server: Server) -> None:
        wire = server.wires[0]

        async def sends(seconds: float) -> None:
            drawing = asyncio.create_task(wire.front.draw(ALICE, seconds, patient=False))
            await asyncio.sleep(0)
            for _ in range(2):
                wire.front.give_back()
            await wire.deliver_all()
            assert await drawing == 0

        for seconds in (0.1, 5.0, 0.3, 7.0):
            await sends(seconds)
        for _ in range(2):
            wire.front.give_back()
        await wire.deliver_all()
        server.quotas.charge(ALICE, 30 - 12.4 - 0.01)
        assert server.quotas.draw(ALICE, 0.0).wait_s == 0
        server.quotas.charge(ALICE, 0.02)
        with pytest.raises(QuotaExceeded):
            server.quotas.draw(ALICE, 0.0)

    play(scenario)


def test_a_flood_of_openings_is_bounded_where_it_comes_in() -> None:
    async def scenario(server: Server) -> None:
        wire = server.wires[0]
        coming = [asyncio.create_task(wire.front.admit(BOB, 1.0)) for _ in range(1_000)]
        await asyncio.sleep(0)
        (message,) = [wire.front.take()]
        assert message is not None
        assert len(message.commands) == 256
        refused = [task for task in coming if task.done()]
        assert len(refused) == 744
        assert all(isinstance(task.exception(), ResourceExhausted) for task in refused)
        wire.asked.append(message)
        await wire.deliver_all()
        await asyncio.gather(*coming, return_exceptions=True)
        assert server.admission.live == wire.front.live == MAX_STREAMS

    play(scenario)


def test_a_lost_engine_answers_nobody() -> None:
    async def scenario(server: Server) -> None:
        wire = server.wires[0]
        slot = asyncio.create_task(wire.front.admit(BOB, 1.0))
        await asyncio.sleep(0)
        await wire.deliver_all()
        waiting = asyncio.create_task(wire.front.admit(BOB, 1.0))
        await asyncio.sleep(0)
        wire.front.lose()
        for ask in (waiting, wire.front.admit(BOB, 1.0), wire.front.draw(ALICE, 1.0, patient=True)):
            with pytest.raises(EngineLost):
                await ask
        slot.result().release()
        assert wire.front.take() is None

    play(scenario)
