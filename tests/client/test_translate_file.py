"""``translate_file`` of both clients, against a server with the starter; servers and keys by variables."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.output.subtitle_files import read_srt
from tests.cli.process import served
from tests.clips import DATA, sentences
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.audio.media_files import GuardedBlocks
from translate_svc.client import AsyncClient, Client, ClientOptions, TranslatedFile, TranslatedUtterance
from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples, TargetSettings, UtteranceStatus

CLIP = DATA / "demo_eng.flac"
SAID = sentences("demo_eng")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found


def translated(kind: str, address: str | None, path: Any, **arguments: Any) -> TranslatedFile:
    """By the blocking client, or by the asynchronous one."""
    if kind == "blocking":
        with Client(address) as client:
            return client.translate_file(path, **arguments)

    async def run() -> TranslatedFile:
        async with AsyncClient(address) as client:
            return await client.translate_file(path, **arguments)

    return asyncio.run(run())


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_a_file_becomes_texts_with_times_subtitles_and_a_dub(kind: str, address: str) -> None:
    seen: list[TranslatedUtterance] = []
    result = translated(
        kind, address, CLIP, source="en", targets=["es"], include=["transcript"], on_utterance=seen.append
    )
    assert result.transcript == " ".join(each["transcript"] for each in SAID)
    assert result.text == {"spa": " ".join(each["translation"] for each in SAID)}
    assert [each.text["spa"] for each in result.utterances] == [each["translation"] for each in SAID]
    assert seen == list(result.utterances)
    for utterance, said in zip(result.utterances, SAID, strict=True):
        assert utterance.start_ms == pytest.approx(said["start_ms"], abs=100)
        assert utterance.end_ms >= said["end_ms"] - 100
        assert utterance.done.status is UtteranceStatus.OK
        assert utterance.done.confidences

    samples, rate_hz = read_audio(CLIP)
    assert result.duration_ms == len(samples) * 1000 // rate_hz
    assert result.damage is None
    dub = result.dub("spa")
    assert dub.dtype == np.float32
    assert result.sample_rate_hz == 16_000
    assert len(dub) >= result.duration_ms * 16
    with pytest.raises(InvalidArgument, match="language: must be one of spa, transcript"):
        result.subtitles("es")
    with pytest.raises(InvalidArgument, match=r"language: must be one of spa$"):
        result.dub("es")
    first = result.utterances[0]
    start = first.start_ms * 16
    assert not dub[:start].any()
    np.testing.assert_array_equal(dub[start : start + len(first.speech["spa"])], first.speech["spa"])

    cues = read_srt(result.subtitles("spa"))
    assert " ".join(" ".join(cue.lines) for cue in cues) == result.text["spa"]
    assert cues[0].start_ms == first.start_ms
    assert read_srt(result.subtitles("transcript"))[0].lines[0] in result.transcript
    assert result.subtitles("spa", "txt").splitlines() == [each["translation"] for each in SAID]
    for wrong in (("fra", "srt"), ("spa", "doc")):
        with pytest.raises(InvalidArgument):
            result.subtitles(*wrong)
    with pytest.raises(InvalidArgument):
        result.dub("fra")


def test_of_a_film_the_track_in_the_source_s_language_is_heard_and_text_alone_has_no_speech(
    address: str, tmp_path: Path
) -> None:
    film = write_media(
        tmp_path / "film.mp4",
        *read_audio(CLIP),
        codec="aac",
        codec_rate_hz=44_100,
        picture=True,
        starts_s=1.5,
    )
    result = translated("blocking", address, film, source="en", targets=[TargetSettings("fra", speech=False)])
    assert result.utterances[0].start_ms == pytest.approx(SAID[0]["start_ms"] + 1_500, abs=100)
    assert not any(each.speech for each in result.utterances)
    assert not result.transcript
    with pytest.raises(InvalidArgument, match=r"film\.mp4: has no audio track 'ja'"):
        translated("asyncio", address, film, source="en", targets=["fr"], audio_track="ja")


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_what_is_wrong_is_raised(kind: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"absent\.wav: no such file"):
        translated(kind, address, tmp_path / "absent.wav", targets=["es"])
    with pytest.raises(InvalidArgument, match="channel: must be one of mix, left, right"):
        translated(kind, address, CLIP, targets=["es"], channel="middle")
    with pytest.raises(InvalidArgument, match=r"config.settings.targets\[0\].language: is not a language"):
        translated(kind, address, CLIP, targets=["xx"])
    for no_path in (3, None, b"talk.wav"):
        with pytest.raises(InvalidArgument, match="path: must be a path, not "):
            translated(kind, address, no_path, targets=["es"])
    with pytest.raises(InvalidArgument, match="path: is empty"):
        translated(kind, address, "", targets=["es"])
    with pytest.raises(InvalidArgument, match="source_language: cannot be 3"):
        translated(kind, address, CLIP, targets=["es"], source=3)
    with pytest.raises(InvalidArgument, match=r"config\.settings\.include: must be a list of inspections"):
        translated(kind, address, CLIP, targets=["es"], include=None)


def test_without_pyav_a_sound_file_is_read(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    result = translated("blocking", address, CLIP, targets=[TargetSettings("spa", speech=False)])
    assert result.text["spa"].startswith(SAID[0]["translation"])


def test_server_and_key_come_from_the_environment(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_SVC_SERVER", f"127.0.0.1:1, {address}")
    monkeypatch.setenv("TRANSLATE_SVC_API_KEY", "sesame")
    assert ClientOptions().metadata() == (("authorization", "Bearer sesame"),)
    assert ClientOptions(api_key="other").api_key == "other"
    for kind in ("blocking", "asyncio"):
        result = translated(kind, None, CLIP, targets=[TargetSettings("spa", speech=False)])
        assert result.text["spa"].startswith(SAID[0]["translation"])
    monkeypatch.setenv("TRANSLATE_SVC_SERVER", "192.0.2.1:1")
    with pytest.raises(InvalidArgument, match="api_key: would travel in plaintext"):
        Client()
    monkeypatch.delenv("TRANSLATE_SVC_SERVER")
    for client in (Client, AsyncClient):
        with pytest.raises(InvalidArgument, match="target: must name a server, or TRANSLATE_SVC_SERVER must"):
            client()


def test_a_file_is_not_closed_while_a_thread_reads_it() -> None:
    reading, go_on = threading.Event(), threading.Event()

    class Media:
        def blocks(self) -> Iterator[Samples]:
            while True:
                reading.set()
                assert go_on.wait(10)
                yield np.zeros(10, np.float32)

    blocks = GuardedBlocks(Media())  # type: ignore[arg-type]  # all that is used of it
    got: list[Samples] = []
    reader = threading.Thread(target=lambda: got.extend(blocks))
    reader.start()
    assert reading.wait(10)
    stopper = threading.Thread(target=blocks.stop)
    stopper.start()
    stopper.join(0.2)
    assert stopper.is_alive(), "stop waits for the block that is read"
    go_on.set()
    for thread in (stopper, reader):
        thread.join(10)
        assert not thread.is_alive()
