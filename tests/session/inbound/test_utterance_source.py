"""From raw input to utterances: the cuts, and what a control message does at its place."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.fake_vad import SmoothedAmplitudeVad
from tests.session.source_driver import Driver, comparable, heard_by, talk, tone
from translate_svc.audio.resampler import resample
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.session.inbound.source_events import (
    Committed,
    SettingsApplied,
    Utterance,
    UtteranceStarted,
)
from translate_svc.session.inbound.utterance_source import MAX_WAITING_UPDATES, UtteranceSource
from translate_svc.types import EndReason, SampleRange, Samples, Segmentation
from translate_svc.vad.frame_vad import MAX_FRAMES_AT_ONCE, VadFrames
from translate_svc.vad.options import VadOptions

RATES = [8_000, 16_000, 44_100, 48_000]
FRAME = 512
OPTIONS = VadOptions(
    min_speech_ms=3 * 32,
    min_silence_ms=10 * 32,
    prefix_padding_ms=4 * 32,
    suffix_padding_ms=2 * 32,
    max_utterance_ms=80 * 32,
    cut_search_ms=20 * 32,
    idle_timeout_ms=70 * 32,
)


def stream(
    rate_hz: int = 16_000,
    options: VadOptions = OPTIONS,
    segmentation: Segmentation = Segmentation.VAD,
    start: int = 0,
) -> Driver:
    return Driver(UtteranceSource(rate_hz, heard_by(options, segmentation), start_position=start))


def frames(row: str) -> Samples:
    """16 kHz input, one frame a character: ``#`` speech, ``.`` silence."""
    return np.repeat([{"#": 0.9, ".": 0.01}[symbol] for symbol in row], FRAME).astype(np.float32)


# ---------------------------------------------------------------- cutting


@pytest.mark.parametrize("rate_hz", RATES)
def test_less_than_what_is_missing_gives_no_frame(rate_hz: int) -> None:
    """And at 16 kHz, where no filter holds samples back, a gap gives one."""
    source, rng = UtteranceSource(rate_hz, heard_by(OPTIONS)), np.random.default_rng(1)

    def push(samples: int) -> int:
        source.push(np.zeros(samples, np.float32))
        frames = 0
        while (step := source.step()) is not None:
            if isinstance(step, VadFrames):
                count = len(step.samples)
                frames += count
                source.push_probabilities(rng.choice([0.0, 1.0], count, p=[0.3, 0.7]).tolist())
        return frames

    for _ in range(400):
        push(int(rng.integers(0, 700)))
        missing = source.missing_samples
        assert 1 <= missing <= -(-FRAME * rate_hz // 16_000)
        assert push(missing - 1) == 0
        assert source.missing_samples == 1
        given = push(1)
        assert given >= 1 or rate_hz != 16_000


@pytest.mark.parametrize("rate_hz", RATES)
def test_source_range_and_samples_agree_at_any_rate(rate_hz: int) -> None:
    """Each utterance equals the raw input from the commit point before it, resampled in one piece."""
    driver = stream(rate_hz)
    audio = talk([(0.01, 700), (0.6, 500), (0.01, 600), (0.7, 4000), (0.01, 500), (0.8, 200)], rate_hz)
    driver.push(audio)
    driver.source.end()
    driver.pull()
    assert [u.reason for u in driver.utterances] == [
        EndReason.SILENCE,
        EndReason.MAX_LENGTH,
        EndReason.SILENCE,
        EndReason.END_OF_STREAM,
    ]
    origin = 0
    for utterance in driver.utterances:
        start_16k = round((utterance.source.start - origin) * 16_000 / rate_hz / FRAME) * FRAME
        end = len(audio) if utterance.reason is not EndReason.END_OF_STREAM else utterance.source.end
        expected = resample(audio[origin:end], rate_hz, 16_000)[
            start_16k : start_16k + len(utterance.samples)
        ]
        np.testing.assert_array_equal(utterance.samples, expected)
        span = utterance.source.end - utterance.source.start
        assert abs(len(utterance.samples) - span * 16_000 / rate_hz) <= 1
        assert origin <= utterance.source.start
        assert utterance.source.end <= utterance.commit_position
        origin = utterance.commit_position


def test_a_cut_for_length_hears_the_rest_again() -> None:
    """The cut lies in the past; the input after it becomes the next utterance, without a gap."""
    driver = stream()
    audio = frames("#" * 70) * 0.9
    quiet = 65
    audio[quiet * FRAME : (quiet + 1) * FRAME] = 0.45
    audio = np.concatenate((audio, frames("#" * 30 + "." * 30)))
    driver.push(audio)
    first, second = driver.utterances
    assert first.reason is EndReason.MAX_LENGTH
    assert first.source == SampleRange(0, quiet * FRAME)
    assert first.commit_position == quiet * FRAME
    assert second.source.start == quiet * FRAME
    np.testing.assert_array_equal(second.samples, audio[quiet * FRAME : second.source.end])


def test_detector_restarts_with_every_grid_and_only_there() -> None:
    driver = stream()
    driver.push(frames("#" * 5 + "." * 10 + "." * 5), sizes=(FRAME,))
    given = [(each.restart, len(each.samples)) for each in driver.frames]
    again = 4  # frames 11 to 14, after the commit point: they are there, so all in one go
    assert given == [(True, 1)] + [(False, 1)] * 14 + [(True, again)] + [(False, 1)] * 5


@pytest.mark.parametrize("segmentation", [Segmentation.VAD, Segmentation.MANUAL, Segmentation.HINDSIGHT])
def test_frames_that_are_scored_ahead_change_nothing(segmentation: Segmentation) -> None:
    """With a detector that has a state, frame by frame or eight at a time: the same cuts, the same voice."""
    rows = ["#" * 20, "." * 30, "#." * 15, "#" * 90, "." * 100, "#" * 7, "." * 25, "0" * 9, "#" * 6, "0" * 40]
    levels = {"#": 0.9, ".": 0.01, "0": 0.0}
    said = np.repeat([levels[each] for each in "".join(rows)], FRAME).astype(np.float32)

    def heard(size: int) -> Driver:
        settings = heard_by(OPTIONS, segmentation, voice_gate=True)
        driver = Driver(UtteranceSource(16_000, settings), SmoothedAmplitudeVad())
        driver.push(said, sizes=(size,))
        driver.source.end()
        driver.pull()
        return driver

    alone, together = heard(FRAME), heard(len(said))
    assert max(len(each.samples) for each in together.frames) == MAX_FRAMES_AT_ONCE
    assert len(together.frames) < len(alone.frames) / 3
    assert len(alone.utterances) >= 3
    assert comparable(alone.events) == comparable(together.events)
    voiced = [[each.voiced_frames for each in driver.utterances] for driver in (alone, together)]
    assert voiced[0] == voiced[1]


# ---------------------------------------------------------------- finalize, end


@pytest.mark.parametrize("segmentation", Segmentation)
@pytest.mark.parametrize("speech", [2, 20])
def test_what_is_cut_off_is_no_commit_point(speech: int, segmentation: Segmentation) -> None:
    """Two frames of speech are not an utterance yet, but may be the beginning of one."""
    driver = stream(segmentation=segmentation)
    driver.push(frames("." * 6 + "#" * speech))
    before = driver.committed_position
    driver.source.end(cut_off=True)
    driver.pull()
    assert driver.source.finished
    assert driver.committed_position == before
    if speech > 2:
        assert driver.utterances[-1].reason is EndReason.GOING_AWAY
        assert not driver.utterances[-1].commits
        assert driver.utterances[-1].source.end == (6 + speech) * FRAME


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("extra", [-1, 0, 1, 2, 511, 700])
def test_finalize_ends_at_this_exact_sample(rate_hz: int, extra: int) -> None:
    """Also one sample beside a frame's border, where the resampled length is that of whole frames."""
    driver = stream(rate_hz)
    count = 20 * FRAME * rate_hz // 16_000 + extra
    driver.push(tone(0.8, 2_000, rate_hz)[:count])
    driver.source.finalize()
    (utterance,) = [event for event in driver.pull() if isinstance(event, Utterance)]
    assert utterance.source == SampleRange(0, count)
    assert utterance.commit_position == count
    assert utterance.reason is EndReason.FINALIZE
    np.testing.assert_array_equal(
        utterance.samples, resample(tone(0.8, 2_000, rate_hz)[:count], rate_hz, 16_000)
    )


def test_finalize_without_speech_is_a_commit_point() -> None:
    driver = stream()
    driver.push(frames("." * 5)[:-7])
    driver.source.finalize()
    driver.source.finalize()
    driver.pull()
    driver.source.finalize()
    driver.pull()
    assert driver.events == [Committed(5 * FRAME - 7)]


def test_finalize_keeps_its_place_behind_a_cut_in_the_past() -> None:
    """An utterance that ends before the marker first, then the marker ends the next one."""
    driver = stream()
    driver.source.push(frames("#" * 85))
    driver.source.finalize()
    driver.source.push(frames("." * 5))
    driver.pull()
    assert [(u.source.end, u.reason) for u in driver.utterances] == [
        (79 * FRAME, EndReason.MAX_LENGTH),
        (85 * FRAME, EndReason.FINALIZE),
    ]


def test_nothing_may_follow_the_end() -> None:
    driver = stream()
    driver.source.end()
    with pytest.raises(InvalidArgument, match="audio"):
        driver.source.push(frames("."))
    with pytest.raises(InvalidArgument, match=r"silence\.samples"):
        driver.source.push_silence(5)
    for act in (driver.source.finalize, driver.source.end):
        with pytest.raises(InvalidArgument):
            act()
    driver.pull()
    assert driver.source.finished


# ---------------------------------------------------------------- silence and memory


def test_skipping_stops_at_a_finalize() -> None:
    place = 10 * 16_000 + 123
    driver = stream()
    driver.source.push_silence(place)
    driver.source.finalize()
    driver.source.push_silence(10 * 16_000)
    driver.pull()
    assert Committed(place) in driver.events


def test_an_age_of_silence_costs_neither_memory_nor_time() -> None:
    driver = stream(48_000)
    driver.push(tone(0.8, 600, 48_000))
    driver.source.push_silence(2**61)
    driver.pull()
    assert len(driver.frames) < 500
    assert driver.source.stored_samples == 0
    driver.push(tone(0.8, 600, 48_000))
    driver.source.finalize()
    driver.pull()
    second = driver.utterances[-1].source
    assert second.end == 2**61 + 2 * 28_800
    assert 0 <= 2**61 + 28_800 - second.start <= 5 * 1_536  # four frames of padding, and the grid


def test_memory_stays_bounded_in_silence_and_in_endless_speech() -> None:
    for level, bound_ms in ((0.01, 1_100), (0.9, OPTIONS.max_utterance_ms + 1_100)):
        driver = stream(16_000)
        for index in range(300):
            driver.push(tone(level, 100, 16_000, index), [160])
            assert driver.source.stored_samples <= bound_ms * 16
        assert driver.committed_position > 20 * 16_000


def test_too_much_input_at_once_is_refused() -> None:
    driver = stream(8_000)
    with pytest.raises(OutOfRange, match="audio"):
        driver.source.push(np.zeros(91 * 8_000, dtype=np.float32))
    assert driver.source.received_position == 0
    driver.push(np.zeros(80 * 8_000, dtype=np.float32))
    driver.push(np.zeros(80 * 8_000, dtype=np.float32))


def test_a_flood_of_control_messages_is_refused() -> None:
    driver = stream()
    for _ in range(1_024):
        driver.source.push(np.zeros(1, dtype=np.float32))
        driver.source.finalize()
    with pytest.raises(OutOfRange, match="control"):
        driver.source.update(heard_by(OPTIONS))
    driver.source.end()
    driver.pull()
    assert driver.source.finished


def test_a_flood_of_updates_is_refused() -> None:
    driver = stream()
    driver.push(frames("#" * 10))
    for _ in range(MAX_WAITING_UPDATES):
        driver.source.update(heard_by(OPTIONS))
        driver.pull()
    with pytest.raises(OutOfRange, match="update"):
        driver.source.update(heard_by(OPTIONS))
    driver.source.clear()
    assert len(driver.pull()) == 1 + MAX_WAITING_UPDATES
    driver.source.update(heard_by(OPTIONS))


@pytest.mark.parametrize("samples", [2**63, 2**63 - 100])
def test_positions_stay_within_64_bits(samples: int) -> None:
    driver = stream()
    driver.push(frames("."))
    with pytest.raises(OutOfRange, match=r"silence\.samples"):
        driver.source.push_silence(samples)


def test_negative_silence_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"silence\.samples"):
        stream().source.push_silence(-1)


# ---------------------------------------------------------------- manual segmentation


def test_manual_everything_between_two_finalizes_is_one_utterance() -> None:
    driver = stream(segmentation=Segmentation.MANUAL)
    first, second = frames("." * 40)[:-5], frames("#." * 10)
    for audio in (first, second):
        driver.push(audio, [700])
        driver.source.finalize()
        driver.pull()
    driver.source.end()
    driver.pull()
    assert driver.frames == []
    middle = len(first)
    assert [event for event in driver.events if isinstance(event, UtteranceStarted)] == [
        UtteranceStarted(0, 0),
        UtteranceStarted(middle, middle),
    ]
    assert [u.source for u in driver.utterances] == [
        SampleRange(0, middle),
        SampleRange(middle, middle + len(second)),
    ]
    assert driver.utterances[0].samples.tobytes() == first.tobytes()
    assert driver.utterances[1].samples.tobytes() == second.tobytes()


def test_manual_keeps_the_shortest_utterance() -> None:
    driver = stream(segmentation=Segmentation.MANUAL)
    driver.push(frames(".")[:1])
    driver.source.finalize()
    driver.source.finalize()
    driver.pull()
    assert [u.source for u in driver.utterances] == [SampleRange(0, 1)]
    assert len(driver.utterances[0].samples) == 1


# ---------------------------------------------------------------- update, clear

LONG_SILENCE = VadOptions(min_silence_ms=3_000)


def test_update_spares_the_running_utterance() -> None:
    driver = stream()
    driver.push(frames("." * 10 + "#" * 10))
    driver.source.update(heard_by(LONG_SILENCE))
    driver.pull()
    driver.push(frames("." * 20 + "#" * 10 + "." * 60))
    assert [type(event) for event in driver.events] == [
        UtteranceStarted,
        Utterance,
        SettingsApplied,
        UtteranceStarted,
    ]


def test_update_spares_a_candidate() -> None:
    driver = stream()
    driver.push(frames("." * 10 + "##"))
    driver.source.update(heard_by(LONG_SILENCE))
    assert driver.pull() == []
    driver.push(frames("#" * 5 + "." * 15))
    assert [type(event) for event in driver.events] == [UtteranceStarted, Utterance, SettingsApplied]


def test_clear_drops_what_runs_and_what_waits() -> None:
    driver = stream()
    driver.push(frames("." * 10 + "#" * 10)[:-9])
    driver.source.push(frames("#" * 10))
    driver.source.finalize()
    driver.source.update(heard_by(LONG_SILENCE))
    position = driver.source.clear()
    assert position == 30 * FRAME - 9
    assert driver.pull() == [
        Committed(position, (heard_by(LONG_SILENCE),)),
        SettingsApplied(heard_by(LONG_SILENCE)),
    ]
    assert driver.source.stored_samples == 0
    driver.push(frames("." * 6 + "#" * 5))
    driver.source.end()
    driver.pull()
    assert driver.utterances[-1].source == SampleRange(position, position + 11 * FRAME)


def test_clear_forgets_the_frame_given_out_and_keeps_the_end() -> None:
    driver = stream()
    driver.source.push(frames("#" * 10))
    driver.source.end()
    assert isinstance(driver.source.step(), VadFrames)
    driver.source.clear()
    with pytest.raises(RuntimeError):
        driver.source.push_probabilities([0.5] * 8)
    assert driver.pull() == [Committed(10 * FRAME)]
    assert driver.source.finished


# ---------------------------------------------------------------- protocol of the caller


def test_a_frame_must_be_answered_once() -> None:
    source = stream().source
    source.push(frames("##"))
    assert isinstance(source.step(), VadFrames)
    with pytest.raises(RuntimeError):
        source.step()
    for wrong in (float("nan"), -0.1, 1.1):
        with pytest.raises(ValueError, match="probability"):
            source.push_probabilities([0.5, wrong])
    with pytest.raises(ValueError, match="each frame"):
        source.push_probabilities([0.5])
    source.push_probabilities([0.5, 0.5])
    with pytest.raises(RuntimeError):
        source.push_probabilities([0.5, 0.5])


def test_an_update_amid_a_stretch_takes_effect_at_the_next_of_its_utterances() -> None:
    """By hindsight several utterances end at once; settings still change where the client changed them."""
    options = VadOptions(good_utterance_ms=1_500)
    later = heard_by(VadOptions(good_utterance_ms=1_500, min_silence_ms=700), Segmentation.HINDSIGHT)
    source = UtteranceSource(16_000, heard_by(options, Segmentation.HINDSIGHT))
    driver = Driver(source)
    sentence = [(0.9, 1_500), (0.0, 200)]
    driver.push(talk(sentence, 16_000))
    source.update(later)
    driver.push(talk([*sentence * 2, (0.0, 2_000)], 16_000))
    kinds = [
        (event.commits, event.updates) if isinstance(event, Utterance) else type(event)
        for event in driver.events
    ]
    assert kinds == [
        UtteranceStarted,
        (False, ()),
        UtteranceStarted,
        (False, ()),
        SettingsApplied,
        UtteranceStarted,
        (True, ()),
    ]
