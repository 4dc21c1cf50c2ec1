"""Callers are held to their limits, each by itself."""

from __future__ import annotations

from collections import Counter

import pytest

from translate_svc.errors import PermissionDenied, ResourceExhausted
from translate_svc.session.admission import Admission, AdmissionOptions, AdmissionSlot
from translate_svc.session.quotas.quotas import CallerUsage, Quotas
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
        self.admission = Admission(AdmissionOptions(max_streams=10_000))
        self.quotas = Quotas("starter", self._record, lambda: self.now_s)

    def _record(self, metric: str, label: str, value: float) -> None:
        self.counted[metric, label] += value  # type: ignore[assignment]  # seconds

    def open(self, caller: Caller, *, goes_on: bool = False) -> AdmissionSlot:
        self.quotas.check(caller, goes_on=goes_on)
        slot = self.admission.admit()
        self.quotas.hold(caller, slot)
        return slot


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


def test_audio_is_counted_by_the_minute(house: House) -> None:
    alice = caller(audio_s_per_minute=30.0, audio_burst_s=60.0)
    house.quotas.charge(alice, 59.0)
    house.quotas.check(alice)
    house.quotas.charge(alice, 1.0)
    with pytest.raises(ResourceExhausted, match="30 s of audio a minute") as refusal:
        house.quotas.check(alice)
    assert refusal.value.retry_after_s == 40.0
    house.now_s += 39.0
    house.quotas.check_audio(alice)
    with pytest.raises(ResourceExhausted) as early:
        house.quotas.check(alice)
    assert early.value.retry_after_s == pytest.approx(1.0), "what is there would be used up at once"
    house.now_s += 1.0
    house.quotas.check(alice)
    house.quotas.charge(alice, 19.9)
    house.quotas.check(alice)
    house.quotas.check(caller("bob", audio_s_per_minute=30.0))
    assert house.counted["caller_audio_limited", "free"] == 2
    assert house.counted["caller_audio_s", "free"] == pytest.approx(79.9)


def test_speech_at_its_own_pace_never_reaches_a_limit_of_its_pace(house: House) -> None:
    alice = caller(audio_s_per_minute=60.0, audio_burst_s=60.0)
    for _ in range(60 * 60 * 5):
        house.quotas.check_audio(alice)
        house.quotas.charge(alice, 0.2)
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
    meter = house.quotas.meter(caller(audio_s_per_minute=60.0), audio_format)
    assert meter is not None
    for message in (AudioInput(data), EndInput(0)):
        await meter.before(message)
        meter.after(message)
    assert house.counted["caller_audio_s", "free"] == pytest.approx(seconds)
    silence = SilenceInput(audio_format.sample_rate_hz * 61)
    await meter.before(silence)
    meter.after(silence)
    with pytest.raises(ResourceExhausted):
        await meter.before(AudioInput(data))
    await meter.before(EndInput(0))


def test_nobody_counts_for_callers_without_class_and_limits(house: House) -> None:
    nobody = Caller("alice")
    assert house.quotas.meter(nobody, PCM) is None
    house.open(nobody)
    house.quotas.charge(nobody, 1.0)
    assert not house.counted
    assert house.quotas.meter(caller(), PCM) is not None, "its class is counted"


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


def usage(name: str, streams: int = 0, audio_s: float = 0.0) -> CallerUsage:
    return CallerUsage(name, streams, audio_s, 60.0, 60.0)


class TestSeveralProcesses:
    def test_streams_elsewhere_count(self, house: House) -> None:
        alice = caller(max_streams=3, audio_s_per_minute=60.0)
        house.quotas.take_in([usage("alice", streams=2)])
        house.open(alice)
        with pytest.raises(ResourceExhausted, match="3 streams of this caller"):
            house.open(alice)
        house.quotas.take_in([])
        house.open(alice)

    def test_audio_elsewhere_counts_once(self, house: House) -> None:
        alice = caller(audio_s_per_minute=60.0, audio_burst_s=60.0)
        house.quotas.take_in([])
        for total_s in (20.0, 40.0, 40.0, 59.0):
            house.quotas.take_in([usage("alice", audio_s=total_s)])
        house.quotas.check(alice)
        house.quotas.take_in([usage("alice", audio_s=60.0)])
        with pytest.raises(ResourceExhausted):
            house.quotas.check(alice)

    def test_what_was_used_before_this_process_started_does_not(self, house: House) -> None:
        house.quotas.take_in([usage("alice", audio_s=10_000.0)])
        house.quotas.check(caller(audio_s_per_minute=60.0, audio_burst_s=60.0))
        house.quotas.take_in([usage("alice", audio_s=10_061.0)])
        with pytest.raises(ResourceExhausted):
            house.quotas.check(caller(audio_s_per_minute=60.0, audio_burst_s=60.0))

    def test_each_second_is_reported_once(self, house: House) -> None:
        alice = caller(audio_s_per_minute=60.0, audio_burst_s=60.0)
        slot = house.open(alice)
        house.quotas.charge(alice, 3.0)
        assert house.quotas.take_usage() == (usage("alice", 1, 3.0),)
        assert house.quotas.take_usage() == (usage("alice", 1, 0.0),)
        slot.release()
        assert house.quotas.take_usage() == ()
        house.quotas.take_in([usage("alice", audio_s=5.0)])
        assert house.quotas.take_usage() == (), "of others nothing is reported"
