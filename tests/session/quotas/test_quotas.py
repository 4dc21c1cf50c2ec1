"""Callers are held to their limits, each by itself."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.virtual_time import virtual_time
from translate_svc.errors import PermissionDenied, ResourceExhausted
from translate_svc.session.admission import Admission, AdmissionOptions, AdmissionSlot
from translate_svc.session.quotas.admission_control import OwnAdmission, new_meter
from translate_svc.session.quotas.audio_meter import AudioMeter
from translate_svc.session.quotas.caller_admission import CallerAdmission
from translate_svc.session.quotas.quotas import Quotas
from translate_svc.types import (
    AudioFormat,
    AudioInput,
    Caller,
    CallerLimits,
    Encoding,
    EndInput,
    SilenceInput,
)

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)


class House:
    """Quotas on a clock that the test turns."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.counted: Counter[tuple[str, str]] = Counter()
        self.quotas = Quotas("starter", self._record, lambda: self.now_s)
        self.admission = CallerAdmission(Admission(AdmissionOptions(max_streams=10_000)), self.quotas)
        self.sent_s = 0.0

    def _record(self, metric: str, label: str, value: float) -> None:
        self.counted[metric, label] += value  # type: ignore[assignment]  # seconds

    def open(self, caller: Caller, *, goes_on: bool = False) -> AdmissionSlot:
        return self.admission.admit(caller, 1.0, goes_on=goes_on)

    def meter(self, caller: Caller, audio_format: AudioFormat = PCM, patience_s: float = 0.0) -> AudioMeter:
        """A meter that notes what it lets through."""

        def record(caller: Caller, seconds: float) -> None:
            self.sent_s += seconds

        meter = new_meter(OwnAdmission(self.admission), caller, audio_format, record, patience_s)
        assert meter is not None
        return meter


@pytest.fixture
def house() -> House:
    return House()


def caller(name: str = "alice", class_name: str = "free", **limits: object) -> Caller:
    return Caller(name, class_name, CallerLimits(**limits))  # type: ignore[arg-type]


def test_so_many_streams_and_no_more(house: House) -> None:
    alice, bob = caller(max_streams=2), caller("bob", max_streams=1)
    slots = [house.open(alice), house.open(alice)]
    for _ in range(3):
        with pytest.raises(ResourceExhausted, match="2 streams of this caller are open") as refusal:
            house.open(alice)
        assert refusal.value.retry_after_s > 0
    house.open(bob)
    slots[0].release()
    slots[0].release()
    house.open(alice)
    with pytest.raises(ResourceExhausted):
        house.open(alice)
    assert house.counted["caller_admitted", "free"] == 4
    assert house.counted["caller_streams_limited", "free"] == 4


def test_a_resumed_stream_takes_the_place_of_its_former_self(house: House) -> None:
    alice = caller(max_streams=1)
    house.open(alice)
    house.open(alice, goes_on=True)


def test_a_newer_limit_counts_for_what_comes_next(house: House) -> None:
    house.open(caller(max_streams=1))
    house.open(caller(max_streams=2))
    with pytest.raises(ResourceExhausted):
        house.open(caller(max_streams=1))


def test_the_limit_of_the_newest_stream_counts_for_older_ones_too(house: House) -> None:
    without, low = caller(), caller(audio_s_per_minute=6.0, audio_burst_s=4.0)
    house.open(without)
    house.quotas.draw(without, 60.0)
    house.open(low)
    for each in (low, without, low, without):
        house.quotas.draw(each, 1.0)
    for each in (low, without):
        with pytest.raises(ResourceExhausted, match="6 s of audio a minute"):
            house.quotas.draw(each, 1.0)
    house.now_s += 60.0
    house.open(caller(audio_s_per_minute=600.0, audio_burst_s=60.0))
    house.now_s += 6.0
    assert house.quotas.draw(low, 60.0).seconds == 60.0
    house.now_s += 1.0
    house.quotas.draw(low, 9.0)
    house.quotas.charge(without, -1.0)
    house.quotas.draw(without, 1.0)


def test_audio_is_counted_by_the_minute(house: House) -> None:
    alice = caller(audio_s_per_minute=30.0, audio_burst_s=60.0)
    house.quotas.charge(alice, 59.0)
    house.quotas.check(alice)
    house.quotas.charge(alice, 1.0)
    with pytest.raises(ResourceExhausted, match="30 s of audio a minute") as refusal:
        house.quotas.check(alice)
    assert refusal.value.retry_after_s == 40.0
    house.now_s += 39.0
    house.quotas.draw(alice, 0.0)
    with pytest.raises(ResourceExhausted) as early:
        house.quotas.check(alice)
    assert early.value.retry_after_s == pytest.approx(1.0), "what is there would be used up at once"
    house.now_s += 1.0
    house.quotas.check(alice)
    house.quotas.charge(alice, 19.9)
    house.quotas.check(alice)
    house.quotas.check(caller("bob", audio_s_per_minute=30.0))
    assert house.counted["caller_audio_limited", "free"] == 2


def test_speech_at_its_own_pace_never_reaches_a_limit_of_its_pace(house: House) -> None:
    alice = caller(audio_s_per_minute=60.0, audio_burst_s=60.0)
    for _ in range(60 * 60 * 5):
        assert house.quotas.draw(alice, 0.2).seconds == 0.2
        house.now_s += 0.2


def test_another_model_is_not_a_matter_of_time(house: House) -> None:
    with pytest.raises(PermissionDenied):
        house.quotas.check(caller(models=frozenset({"large"})))
    house.quotas.check(caller(models=frozenset({"large", "starter"})))


@pytest.mark.parametrize(
    ("audio_format", "data", "seconds"),
    [
        (PCM, bytes(32_000), 1.0),
        (AudioFormat(Encoding.PCM_F32LE, 48_000, channels=2, channel=1), bytes(2 * 4 * 4_800), 0.1),
        (AudioFormat(Encoding.MULAW, 8_000), bytes(4_000), 0.5),
        (AudioFormat(Encoding.G722, 16_000), bytes(8_000), 1.0),
        (AudioFormat(Encoding.OPUS, 48_000), bytes([0x78, 0, 0]), 0.02),
    ],
)
async def test_a_meter_knows_how_long_a_message_is(
    house: House, audio_format: AudioFormat, data: bytes, seconds: float
) -> None:
    meter = house.meter(caller(audio_s_per_minute=60.0), audio_format)
    for message in (AudioInput(data), EndInput(0)):
        await meter.take(message)
    assert house.sent_s == pytest.approx(seconds)
    await meter.take(SilenceInput(audio_format.sample_rate_hz * 61))
    with pytest.raises(ResourceExhausted):
        await meter.take(AudioInput(data))
    await meter.take(EndInput(0))
    assert house.sent_s == pytest.approx(seconds + 61)


def test_a_file_waits_for_what_its_caller_may_send_and_not_for_ever(house: House) -> None:
    """Each second of audio is there after a second. With ten seconds of patience it gets ten more."""

    async def scenario() -> None:
        house.quotas = Quotas("starter")
        house.admission = CallerAdmission(house.admission.admission, house.quotas)
        meter = house.meter(caller(audio_s_per_minute=60.0, audio_burst_s=5.0), patience_s=10.0)

        async def send() -> None:
            while True:
                await meter.take(AudioInput(bytes(3_200)))

        with pytest.raises(ResourceExhausted):
            await send()
        assert asyncio.get_running_loop().time() == pytest.approx(10.0)
        assert house.sent_s == pytest.approx(15.0, abs=0.2)

    with virtual_time() as runner:
        runner.run(scenario())


def test_what_is_drawn_ahead_is_a_part_of_what_is_there(house: House) -> None:
    """Near the end it is what was asked for, so that nothing of it lies idle; the last of it is overdrawn."""
    alice = caller(audio_s_per_minute=60.0, audio_burst_s=8.0)
    drawn = [house.quotas.draw(alice, 0.1, most_s=1.0).seconds for _ in range(10)]
    assert drawn[:5] == [1.0] * 5
    assert drawn[5:8] == pytest.approx([0.75, 0.5625, 0.421875])
    house.quotas.charge(alice, -sum(drawn))
    assert house.quotas.draw(alice, 8.5).seconds == 8.5
    with pytest.raises(ResourceExhausted):
        house.quotas.draw(alice, 0.1)
    waited = house.quotas.draw(alice, 0.1, patient=True)
    assert waited.seconds == 0
    assert waited.wait_s == pytest.approx(0.6)


def test_nobody_counts_for_callers_without_class_and_limits(house: House) -> None:
    nobody, control = Caller("alice"), OwnAdmission(house.admission)
    assert new_meter(control, nobody, PCM, lambda caller, seconds: None) is None
    house.open(nobody)
    house.quotas.charge(nobody, 1.0)
    assert not house.counted
    assert new_meter(control, caller(), PCM, lambda caller, seconds: None), "its class is counted"


def test_callers_who_use_nothing_are_forgotten(house: House) -> None:
    holders = [house.open(caller(f"holder-{number}", max_streams=1)) for number in range(10)]
    for number in range(20_000):
        house.now_s += 0.01
        visitor = caller(f"visitor-{number}", audio_s_per_minute=60.0, audio_burst_s=60.0)
        house.quotas.check(visitor)
        house.quotas.charge(visitor, 1.0)
    assert len(house.quotas._accounts) <= 2 * 1_024 + 10
    for number in range(10):
        with pytest.raises(ResourceExhausted):
            house.open(caller(f"holder-{number}", max_streams=1))
    for slot in holders:
        slot.release()
