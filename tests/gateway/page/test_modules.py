"""Modules of the page that need no browser, run by Node.js."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from tests.interop.npm import node_json

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE_HZ = 24_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made() -> Any:
    return await node_json(Path(__file__).parent / "modules.mjs")


@pytest.mark.parametrize("name", ["fromBrowser", "fromHeadset", "upward", "unchanged"])
async def test_a_tone_stays_what_it_is_at_another_rate(made: dict[str, Any], name: str) -> None:
    samples = np.array(made[name])
    ideal = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(len(samples)) / RATE_HZ)
    inside = slice(200, -200)
    error = np.sqrt(np.mean((samples - ideal)[inside] ** 2) / np.mean(ideal[inside] ** 2))
    assert 20 * np.log10(error + 1e-9) < -60
    assert len(samples) == pytest.approx(min(len(samples), RATE_HZ), abs=64)


async def test_a_file_whose_channels_are_out_of_phase_is_not_silence(made: dict[str, Any]) -> None:
    assert made["inPhase"] == [0.375, -0.75]
    assert made["outOfPhase"] == [0.5, -1]
    assert made["threeChannels"] == [0.25]


async def test_what_the_lower_rate_cannot_hold_is_gone(made: dict[str, Any]) -> None:
    assert np.abs(np.array(made["tooHigh"])[200:-200]).max() < 0.5 * 10 ** (-60 / 20)


async def test_blocks_of_any_size_leave_no_seam(made: dict[str, Any]) -> None:
    assert len(made["blocks"]) == len(made["oneBlock"])
    assert np.allclose(made["blocks"], made["oneBlock"], atol=1e-6)


async def test_samples_survive_base64_and_are_clipped(made: dict[str, Any]) -> None:
    assert made["pcm"] == [0, 32_767, -32_767, 32_767, 16_384]


async def test_subtitles_are_readable(made: dict[str, Any]) -> None:
    cues = [cue.split("\n") for cue in made["srt"].strip().split("\n\n")]
    assert [cue[0] for cue in cues] == [str(number) for number in range(1, len(cues) + 1)]
    assert all(len(line) <= 42 for cue in cues for line in cue[2:])
    assert all(len(cue) <= 4 for cue in cues)
    assert cues[0][1].startswith("00:00:01,000 --> ")
    assert cues[-2][1] == "00:01:01,500 --> 00:01:02,000", "a short cue is shown until the next one"
    assert [len(line) for line in cues[-1][2:]] == [21, 9], "an ideograph takes two cells"


async def test_webvtt_escapes_markup(made: dict[str, Any]) -> None:
    assert made["webvtt"].startswith("WEBVTT\n\n00:00:01.000 --> ")
    assert "A &lt;short&gt; &amp; sharp one." in made["webvtt"]
    assert not re.search(r"\d,\d{3} -->", made["webvtt"])


async def test_speech_is_where_it_was_said_and_never_overlaps(made: dict[str, Any]) -> None:
    assert made["trackStarts"] == [1, 3, 10], "the second one waits for the first"
    assert made["trackSeconds"] == 11


async def test_parts_of_speech_are_played_without_a_gap_and_never_in_the_past(made: dict[str, Any]) -> None:
    first, second, third, late = made["playerStarts"]
    assert (second - first, third - second) == pytest.approx((1_000, 777), abs=1e-6)
    assert 10 * RATE_HZ < late < 10.5 * RATE_HZ


async def test_the_input_gives_back_what_was_sent_and_when(made: dict[str, Any]) -> None:
    assert (made["slice"], made["sliceLength"]) == ("01", 240)
    assert made["sentAtMs"] == 1_400


async def test_a_recording_that_is_sent_at_once_is_kept_until_the_server_has_cut_it(
    made: dict[str, Any],
) -> None:
    assert made["hurriedSaid"] == [1, 2], "what was said from 1 to 3 s, and no silence in its place"


async def test_an_utterance_whose_connection_was_lost_is_kept_as_it_is(made: dict[str, Any]) -> None:
    """It waits for nothing more, its audio is among what was said, and its subtitles come in order."""
    torn = made["torn"]
    assert (torn["rows"], torn["status"], torn["held"]) == (1, "broken off", "")
    assert torn["saidS"] == 4
    assert re.findall(r"(\S+) --> (\S+)", torn["srt"]) == [
        ("00:00:01,200", "00:00:02,600"),
        ("00:00:02,600", "00:00:04,000"),
    ]


async def test_a_wav_file_says_what_it_holds(made: dict[str, Any]) -> None:
    assert made["wav"] == {"bytes": 54, "riff": 46, "data": 10, "rate": RATE_HZ}


async def test_a_sample_plays_sentence_by_sentence_unless_the_person_chose(made: dict[str, Any]) -> None:
    assert made["spokenSettings"]["simultaneous"] == {}
    assert made["sampleSettings"]["simultaneous"] is None
    assert made["lostView"]["simultaneous"] is True, "afterwards it is as before"
    assert made["chosenSettings"]["simultaneous"] == {}


async def test_a_lost_connection_is_told_in_words_and_can_be_opened_again(made: dict[str, Any]) -> None:
    lost, unreachable, away, draining, refused, *_ = made["ends"]
    assert lost["lost"]
    assert lost["problem"].startswith("The connection was lost. What stands below is kept;")
    assert "1006" not in lost["problem"]
    assert not unreachable["lost"]
    assert away["lost"], "whoever waits for a server may try again and again"
    assert away["problem"].startswith("The server does not answer.")
    assert draining == {"problem": "The server is draining.", "keyRefused": False, "lost": True}
    assert refused == {"problem": "The key is wrong.", "keyRefused": True, "lost": False}
    assert made["lostView"] == {"again": True, "problem": "lost", "simultaneous": True}
    assert made["againCalls"] == 1


async def test_an_error_after_which_the_session_went_on_is_not_why_it_ended(made: dict[str, Any]) -> None:
    lost, *_, cut, closed = made["ends"]
    assert cut == closed == lost


async def test_the_command_is_offered_to_copy(made: dict[str, Any]) -> None:
    assert made["command"].endswith(
        "translate-svc translate said.wav --from es --transcript --to en --server translate.example:50051\n"
    )


async def test_two_people_in_turns_are_a_session_between_their_languages(made: dict[str, Any]) -> None:
    audio = made["betweenSettings"]["audio"]
    assert audio["input"] == {
        "language": "auto",
        "candidates": ["en", "es"],
        "transcription": {"model": "m"},
    }
    assert audio["output"]["targets"] == [{"language": "en"}, {"language": "es"}]
    assert "languages" in made["betweenSettings"]["include"]
    assert made["betweenCommand"].endswith(
        "translate said.wav --between en,es --transcript --simultaneous --server translate.example:50051\n"
    )
    assert '"sourceCandidates": ["en", "es"]' in made["betweenGrpcurl"]
    assert '"echo": "ECHO_SILENT"' in made["betweenGrpcurl"]
    assert made["sampleSettings"]["audio"]["input"]["candidates"] == [], "one person again, and none stay"
