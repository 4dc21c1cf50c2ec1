"""Files through the unmodified ``openai`` SDK, with the starter checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
import soundfile
from openai import AsyncOpenAI

from tests.cli.output.subtitle_files import read_srt
from tests.clips import sentences
from tests.gateway.clients import ROOT
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.gateway.server import GatewayServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # OpenAI calls its files endpoint for translations deprecated
    pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning"),
]

SPANISH = ROOT / "tests" / "data" / "demo_spa.flac"
ENGLISH = ROOT / "tests" / "data" / "demo_eng.flac"


@pytest_asyncio.fixture(loop_scope="module")
async def client(starter: GatewayServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="k", base_url=f"{starter.target}/v1", max_retries=0) as connected:
        yield connected


async def test_a_file_into_english(client: AsyncOpenAI) -> None:
    answer = await client.audio.translations.create(model="whisper-1", file=SPANISH)
    assert re.fullmatch(r"My parents [a-z ]+\. [A-Z].+\.", answer.text), answer.text


async def test_terms_are_a_further_field(client: AsyncOpenAI) -> None:
    terms = '[{"source": "libro", "target": "paperback"}]'
    answer = await client.audio.translations.create(
        model="whisper-1", file=SPANISH, extra_body={"terms": terms, "source_language": "es"}
    )
    assert answer.text.startswith("My parents will buy a paperback."), answer.text


async def test_every_format_says_the_same(client: AsyncOpenAI) -> None:
    create = client.audio.translations.create
    text = await create(model="whisper-1", file=SPANISH, response_format="text")
    srt = await create(model="whisper-1", file=SPANISH, response_format="srt")
    vtt = await create(model="whisper-1", file=SPANISH, response_format="vtt")
    verbose = await create(model="whisper-1", file=SPANISH, response_format="verbose_json")
    words = text.split()
    assert len(words) > 5
    assert srt.startswith("1\n00:00:0")
    assert vtt.startswith("WEBVTT\n")
    for subtitles in (srt, vtt):
        said = [line for line in subtitles.splitlines() if line and not re.search(r"^\d|-->|WEBVTT", line)]
        assert " ".join(said).split() == words
    assert verbose.text.split() == words
    assert verbose.language == "english"
    assert verbose.segments is not None
    assert len(verbose.segments) == 2, "two utterances"
    assert 3 < verbose.duration < 20
    assert verbose.segments[0].end <= verbose.segments[1].start <= verbose.segments[1].end <= verbose.duration
    for segment, sentence, cue in zip(verbose.segments, sentences("demo_spa"), read_srt(srt), strict=True):
        assert segment.start == pytest.approx(sentence["start_ms"] / 1000, abs=0.1), "where speech starts"
        assert cue.start_ms == pytest.approx(segment.start * 1000, abs=1)
    assert all(segment.avg_logprob < 0 and segment.tokens for segment in verbose.segments)


async def test_a_transcript(client: AsyncOpenAI) -> None:
    plain = await client.audio.transcriptions.create(model="gpt-4o-transcribe", file=ENGLISH, language="en")
    assert "neighbor" in plain.text
    logprobs = await client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=ENGLISH, language="en", include=["logprobs"]
    )
    assert logprobs.logprobs is not None
    assert "".join(each.token or "" for each in logprobs.logprobs) == plain.text, "of two utterances"
    timed = await client.audio.transcriptions.create(
        model="whisper-1",
        file=ENGLISH,
        language="en",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert timed.words is not None
    assert [word.word for word in timed.words] == plain.text.split()
    assert all(one.start <= one.end for one in timed.words)
    starts = [word.start for word in timed.words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < starts[-1] < timed.duration


async def test_a_transcript_that_comes_while_it_is_made(client: AsyncOpenAI) -> None:
    stream = await client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=ENGLISH, language="en", stream=True
    )
    events = [event async for event in stream]
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert len(events) > 5
    done = events[-1]
    assert done.type == "transcript.text.done"
    assert "".join(getattr(event, "delta", "") for event in events) == done.text
    assert "neighbor" in done.text


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.mp3", "libmp3lame", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.m4a", "aac", 44_100),
        ("a.wav", "pcm_s16le", 48_000),
    ],
)
async def test_any_container(
    client: AsyncOpenAI, tmp_path: Path, name: str, codec: str, rate_hz: int
) -> None:
    samples, source_rate_hz = read_audio(ROOT / "tests" / "data" / "spa_1.flac")
    write_media(tmp_path / name, samples, source_rate_hz, codec=codec, codec_rate_hz=rate_hz)
    answer = await client.audio.translations.create(model="whisper-1", file=tmp_path / name)
    assert len(answer.text.split()) > 2


async def test_silence_has_no_text(client: AsyncOpenAI) -> None:
    silence = ROOT / "tests" / "data" / "silence.flac"
    assert (await client.audio.translations.create(model="whisper-1", file=silence)).text == ""
    stream = await client.audio.transcriptions.create(model="m", file=silence, language="en", stream=True)
    assert [event.type async for event in stream] == ["transcript.text.done"]


@pytest.mark.parametrize("content", [b"", b"no audio", bytes(10_000)], ids=range(3))
async def test_what_is_no_audio_is_refused(client: AsyncOpenAI, content: bytes) -> None:
    await _is_refused(client, content)


async def _is_refused(client: AsyncOpenAI, content: bytes) -> None:
    for name in ("a.flac", "a.m3u8"):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.audio.translations.create(model="whisper-1", file=(name, content))
        assert refused.value.param == "file"


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:{path}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{path}'\n",
    ],
    ids=range(3),
)
async def test_no_upload_names_a_file_of_this_machine(
    client: AsyncOpenAI, tmp_path: Path, playlist: str
) -> None:
    samples, rate_hz = read_audio(SPANISH)
    mp3 = write_media(tmp_path / "a.mp3", samples, rate_hz, codec="libmp3lame", codec_rate_hz=44_100)
    await _is_refused(client, playlist.format(path=mp3).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp_granularities": ["word"]},
        {"timestamp_granularities": ["segment"], "response_format": "srt"},
        {"include": ["logprobs"], "response_format": "verbose_json"},
        {"stream": True, "response_format": "vtt"},
    ],
    ids=["words in json", "segments in srt", "logprobs in verbose_json", "a stream of vtt"],
)
async def test_what_the_format_cannot_hold_is_refused(client: AsyncOpenAI, fields: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.transcriptions.create(model="m", file=SPANISH, language="es", **fields)
    assert refused.value.param == "response_format"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "docx"}, "response_format"),
        ({"prompt": "Dear colleague"}, "prompt"),
        ({"temperature": 0.7}, "temperature"),
        ({"extra_body": {"target_language": "tlh"}}, "target_language"),
        ({"extra_body": {"num_beams": "9"}}, "num_beams"),
        ({"extra_body": {"voice": "alloy"}}, "voice"),
        ({"extra_body": {"terms": "["}}, "terms"),
        ({"extra_body": {"terms": '[{"target": "x"}]'}}, "terms[0].source"),
        ({"extra_body": {"terms": '[{"source": "tren"}]'}}, "source_language"),
        ({"extra_body": {"prompt": "x" * 20_000}}, "prompt"),
    ],
)
async def test_what_is_wrong_is_named(client: AsyncOpenAI, fields: dict[str, object], param: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await client.audio.translations.create(model="whisper-1", file=SPANISH, **fields)  # type: ignore[call-overload]
    assert refused.value.status_code in (400, 413)
    assert refused.value.param == param
    message: str = refused.value.body["message"]  # type: ignore[index]
    assert (f"`{param}`" in message, message[-1]) == (True, "."), (
        "a sentence that names the caller's own field"
    )


async def test_the_language_of_a_transcript_is_found_out(client: AsyncOpenAI) -> None:
    for file, language in ((ENGLISH, "english"), (SPANISH, "spanish")):
        told = await client.audio.transcriptions.create(
            model="whisper-1", file=file, response_format="verbose_json"
        )
        assert told.language == language
        named = await client.audio.transcriptions.create(
            model="whisper-1", file=file, language={"english": "en", "spanish": "es"}[language]
        )
        assert told.text == named.text


async def test_a_transcript_may_be_in_one_of_several_languages(client: AsyncOpenAI) -> None:
    for languages in (["es"], ["en", "es"]):
        told = await client.audio.transcriptions.create(
            model="gpt-transcribe", file=SPANISH, languages=languages, keywords=[]
        )
        named = await client.audio.transcriptions.create(model="whisper-1", file=SPANISH, language="es")
        assert told.text == named.text


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"languages": ["es"], "language": "es"}, "languages"),
        ({"languages": ["tlh"]}, "languages"),
        ({"languages": ["es", "tlh"]}, "languages[1]"),
        ({"keywords": ["tren"]}, "keywords"),
    ],
)
async def test_languages_that_are_wrong_are_named(
    client: AsyncOpenAI, fields: dict[str, list[str]], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.audio.transcriptions.create(model="gpt-transcribe", file=SPANISH, **fields)  # type: ignore[call-overload]
    assert refused.value.param == param


@pytest.fixture
def reversed_speech(tmp_path: Path) -> Path:
    """Speech played backwards, of which the model makes a sentence that nobody said."""
    samples, rate_hz = read_audio(ROOT / "tests" / "data" / "eng_3.flac")
    soundfile.write(path := tmp_path / "reversed.wav", samples[::-1], rate_hz)
    return path


async def test_a_text_that_is_unsure_says_so_in_every_format(
    client: AsyncOpenAI, reversed_speech: Path
) -> None:
    create = client.audio.transcriptions.with_raw_response.create
    plain = await create(model="m", file=reversed_speech, language="en")
    subtitles = await create(model="m", file=reversed_speech, language="en", response_format="srt")
    assert plain.headers["x-warnings"] == subtitles.headers["x-warnings"] == "low_confidence"
    (warning,) = json.loads(plain.text)["warnings"]
    assert warning["code"] == "low_confidence"
    assert "unsure" in warning["message"]
    assert 0 <= warning["start"] < warning["end"] <= 3
    stream = await client.audio.transcriptions.create(
        model="m", file=reversed_speech, language="en", stream=True
    )
    *_, done = [event.to_dict() async for event in stream]
    assert done["warnings"] == [warning]


async def test_half_a_file_says_so_and_a_whole_one_says_nothing(client: AsyncOpenAI, tmp_path: Path) -> None:
    samples, rate_hz = read_audio(ENGLISH)
    soundfile.write(path := tmp_path / "a.wav", samples, rate_hz)
    create = client.audio.translations.with_raw_response.create
    whole = await create(model="m", file=path, response_format="verbose_json")
    assert "x-warnings" not in whole.headers
    assert "warnings" not in json.loads(whole.text)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    half = await create(model="m", file=path, response_format="verbose_json")
    assert half.headers["x-warnings"].split(", ")[0] == "damaged"
    assert "cut off at 3.4 s of 6.7 s" in json.loads(half.text)["warnings"][0]["message"]
