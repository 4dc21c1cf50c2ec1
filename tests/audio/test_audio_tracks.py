"""Which track and which side of a recording is heard."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tests.clips import DATA
from translate_svc.audio.audio_tracks import AudioChoice, AudioTrack, Channel
from translate_svc.audio.containers import open_media
from translate_svc.audio.files import read_audio
from translate_svc.errors import InvalidArgument


def _write_tracks(path: Path, tracks: list[tuple[str, int]], *, default: int = 0) -> Path:
    """Tracks of a second of constant samples, each with its language and level; ``default`` is an index."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (language, _) in enumerate(tracks):
            stream = container.add_stream("flac", rate=8_000, layout="mono")
            assert isinstance(stream, av.AudioStream)
            if language:
                stream.metadata["language"] = language
            kinds = av.stream.Disposition
            stream.disposition = kinds.default if number == default else kinds(0)
            streams.append(stream)
        for stream, (_, level) in zip(streams, tracks, strict=True):
            frame = av.AudioFrame.from_ndarray(
                np.full((1, 8_000), level, np.int16), format="s16", layout="mono"
            )
            frame.sample_rate, frame.pts = 8_000, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("choice", "level"),
    [
        (AudioChoice(), 200),
        (AudioChoice(source_language="eng"), 200),
        (AudioChoice(source_language="fra"), 100),
        (AudioChoice(source_language="deu"), 300),
        (AudioChoice(source_language="spa"), 200),
        (AudioChoice(track="3", source_language="eng"), 300),
        (AudioChoice(track="German"), 300),
        (AudioChoice(track="fr"), 100),
    ],
    ids=str,
)
def test_the_track_of_the_source_language_is_heard_else_the_default_one(
    tmp_path: Path, choice: AudioChoice, level: int
) -> None:
    """Containers write French and German as fre and ger."""
    path = _write_tracks(tmp_path / "a.mkv", [("fre", 100), ("eng", 200), ("ger", 300)], default=1)
    with open_media(path, "", choice) as media:
        samples = np.concatenate(list(media.blocks()))
        assert media.track is not None
        assert str(media.track).startswith(f"track {level // 100} (")
    assert np.unique(samples).tolist() == [level / 2**15]


def test_a_track_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = _write_tracks(tmp_path / "a.mkv", [("fre", 100), ("", 200)])
    for track in ("3", "es"):
        with (
            pytest.raises(
                InvalidArgument, match=r"has no audio track .*track 1 \(French, 1 channel, default\)"
            ),
            open_media(path, "", AudioChoice(track)),
        ):
            pytest.fail("there is no such track")
    with (
        pytest.raises(InvalidArgument, match="has no left side"),
        open_media(path, "", AudioChoice("1", channel=Channel.LEFT)),
    ):
        pytest.fail("one channel has no sides")


def test_commentary_is_not_chosen_by_its_language() -> None:
    tracks = [
        AudioTrack(1, "eng", is_extra=True),
        AudioTrack(2, "eng"),
        AudioTrack(3, "eng", is_default=True),
    ]
    assert AudioChoice(source_language="eng").choose(tracks, name="a").number == 3
    assert AudioChoice(source_language="eng").choose(tracks[:2], name="a").number == 2


@pytest.mark.parametrize(
    ("channel", "heard"),
    [(Channel.LEFT, (0.5, 0.0)), (Channel.RIGHT, (0.0, 0.5)), (Channel.MIX, (0.25, 0.25))],
)
def test_one_side_of_a_call_can_be_heard_alone(
    tmp_path: Path, channel: Channel, heard: tuple[float, float]
) -> None:
    """Two parties take turns, a second each, on a side each."""
    turn = np.tile(np.repeat([1.0, 0.0], 8_000), 5)
    soundfile.write(tmp_path / "call.wav", np.stack([turn, 1 - turn], axis=1) * 0.5, 8_000)
    with open_media(tmp_path / "call.wav", "", AudioChoice(channel=channel)) as media:
        samples = np.concatenate(list(media.blocks()))
        assert media.speakers_are_apart is (channel is Channel.MIX)
        assert not media.sides_are_alike
    assert (samples[4_000], samples[12_000]) == pytest.approx(heard, abs=1e-3)


@pytest.mark.parametrize(
    ("echo", "hiss", "delay_s", "apart"),
    [(0.0, 0.01, 0.0, True), (0.2, 0.003, 0.0, True), (1.0, 0.003, 0.005, False), (1.0, 0.0, 0.0, False)],
)
def test_two_people_are_noticed_through_hiss_and_echo_but_not_one_in_two_microphones(
    tmp_path: Path, echo: float, hiss: float, delay_s: float, apart: bool
) -> None:
    """``echo``: how much of each is heard on the other side, ``delay_s`` later."""
    rate_hz, rng = 16_000, np.random.default_rng(0)
    left, right = np.zeros((2, 20 * rate_hz), np.float32)
    for side, name, start_s in (
        (left, "demo_eng", 0),
        (right, "fra_1", 6),
        (left, "eng_1", 9),
        (right, "fra_2", 12),
    ):
        clip, _ = read_audio(DATA / f"{name}.flac")
        side[start_s * rate_hz : start_s * rate_hz + len(clip)] += clip
    shift = round(delay_s * rate_hz)
    sides = np.stack([left + echo * np.roll(right, shift), right + echo * np.roll(left, shift)], axis=1)
    soundfile.write(tmp_path / "call.wav", sides + rng.normal(0, hiss, sides.shape), rate_hz)
    with open_media(tmp_path / "call.wav") as media:
        list(media.blocks())
        assert media.speakers_are_apart is apart
        assert media.sides_are_alike is not apart


def test_music_in_stereo_is_not_taken_for_a_call(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    middle = rng.normal(0, 0.1, (80_000, 1))
    soundfile.write(tmp_path / "film.wav", middle + rng.normal(0, 0.05, (80_000, 2)), 8_000)
    with open_media(tmp_path / "film.wav") as media:
        list(media.blocks())
        assert not media.speakers_are_apart
        assert media.sides_are_alike
