"""The example of examples/node, and what else the contract promises, from Node.js by the proto file alone."""

from __future__ import annotations

import json
import signal
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from benchmarks.resume.servers import servers
from tests.interop.npm import ROOT, install, node, node_json
from translate_svc.access.resume_tokens import new_resume_key
from translate_svc.rpc.server import RpcServer

# the timeout counts the loading of the model and npm, which take their time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

EXAMPLE = ROOT / "examples" / "node"
SCENARIOS = Path(__file__).parent / "node" / "scenarios.mjs"
CLIP = ROOT / "tests" / "data" / "eng_1.flac"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    samples, rate_hz = soundfile.read(CLIP, dtype="int16")
    path = tmp_path_factory.mktemp("node") / "clip.wav"
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    install(EXAMPLE)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def results(server: RpcServer, clip: Path) -> Any:
    """What every scenario came to."""
    return await node_json(SCENARIOS, server.target, str(clip))


def kinds(outcome: dict[str, Any]) -> list[str]:
    return [response["event"] for response in outcome["events"]]


async def test_the_example_translates_a_recording(server: RpcServer, clip: Path, tmp_path: Path) -> None:
    speech, events = tmp_path / "speech.wav", tmp_path / "events.json"
    flags = ("--from", "en", "--to", "es", "--out", str(speech), "--json", str(events))
    code, output, errors = await node(EXAMPLE / "translate.mjs", server.target, str(clip), *flags)
    assert code == 0, errors
    assert "spa  " in output
    responses = json.loads(events.read_text())
    assert [response["seq"] for response in responses] == list(range(1, len(responses) + 1))
    order = [response["event"] for response in responses]
    assert (order[0], order[-1], order.count("utterance_done")) == ("opened", "closed", 1)
    assert order.index("speech_started") < order.index("speech_ended") < order.index("audio")
    # `progress` and `closed` alone may follow the last event of the only utterance
    assert set(order[order.index("utterance_done") + 1 :]) <= {"progress", "closed"}
    assert responses[-1]["closed"]["complete"] is True

    expected = json.loads((CLIP.parent / "clips.json").read_text())["clips"][0]
    for kind, text in (("transcript", expected["transcript"]), ("translation", expected["translation"])):
        deltas = [response[kind] for response in responses if response["event"] == kind]
        assert "".join(delta["delta"] for delta in deltas) == text
        assert [delta["final"] for delta in deltas] == [False] * (len(deltas) - 1) + [True]

    chunks = [response["audio"] for response in responses if response["event"] == "audio"]
    at = 0
    for chunk in chunks:
        assert (chunk["start_sample"], chunk["sample_count"]) == (at, chunk["data"] // 2)
        at += chunk["data"] // 2
    with wave.open(str(speech)) as written:
        assert (written.getframerate(), written.getnframes()) == (24_000, at)
    done = next(response["utterance_done"] for response in responses if response["event"] == "utterance_done")
    assert done["status"] == "UTTERANCE_STATUS_OK"
    assert abs(done["usage"]["speech_ms"] - at / 24) <= 1


async def test_the_example_says_why_it_failed(server: RpcServer, clip: Path) -> None:
    code, _, errors = await node(EXAMPLE / "translate.mjs", server.target, str(clip), "--to", "tlh")
    assert code == 1
    assert errors.startswith("INVALID_ARGUMENT: config.settings.targets[0].language")


async def test_the_example_tells_what_is_wrong_with_its_files_before_it_calls_a_server(
    clip: Path, tmp_path: Path
) -> None:
    nobody, absent = "127.0.0.1:1", tmp_path / "absent"
    flags = ("--to", "es", "--out", str(absent / "speech.wav"))
    code, _, errors = await node(EXAMPLE / "translate.mjs", nobody, str(clip), *flags)
    assert (code, "ENOENT" in errors, str(absent) in errors) == (1, True, True)
    stereo = tmp_path / "stereo.wav"
    soundfile.write(stereo, np.zeros((160, 2), np.int16), 16_000, subtype="PCM_16")
    code, _, errors = await node(EXAMPLE / "translate.mjs", nobody, str(stereo), "--to", "es")
    assert (code, errors.startswith("error: must be 16-bit mono PCM; ffmpeg -i ")) == (1, True)


REFUSED = {
    "unknown_language": ("INVALID_ARGUMENT", "config.settings.targets[0].language"),
    "audio_before_config": ("INVALID_ARGUMENT", "config"),
    "config_twice": ("INVALID_ARGUMENT", "config"),
    "wrong_total": ("DATA_LOSS", "end.total_samples"),
    "translate_nothing": ("INVALID_ARGUMENT", "input"),
}


@pytest.mark.parametrize("scenario", REFUSED)
async def test_a_refusal_names_its_field_in_the_details(results: Any, scenario: str) -> None:
    ended = results[scenario]["ended"]
    assert (ended["code"], ended["field"]) == REFUSED[scenario]
    assert ended["reason"] == ended["code"]


async def test_an_end_that_counts_nothing_is_a_complete_one(results: Any) -> None:
    assert results["uncounted"]["ended"] == {"code": "OK"}
    assert results["uncounted"]["events"][-1]["closed"]["complete"] is True


async def test_half_close_without_end_is_an_incomplete_end(results: Any) -> None:
    assert results["half_close"]["ended"] == {"code": "OK"}
    last = results["half_close"]["events"][-1]
    assert last["closed"]["complete"] is False


async def test_a_cancelled_stream_ends_at_once(results: Any, server: RpcServer) -> None:
    outcome = results["cancel_in_the_middle"]
    assert outcome["ended"]["code"] == "CANCELLED"
    assert kinds(outcome)[-1] == "translation"
    assert server.live_streams == 0


async def test_languages_and_limits_are_told(results: Any) -> None:
    languages = results["languages"]["languages"]
    assert [(each["code"], each["bcp47"], each["speech_out"]) for each in languages] == [
        ("deu", "de", True),
        ("eng", "en", True),
        ("fra", "fr", True),
        ("spa", "es", True),
    ]
    assert results["info"]["limits"]["max_streams"] == 4
    assert "ENCODING_PCM_S16LE" in results["info"]["limits"]["input_encodings"]


async def test_a_text_becomes_text_and_speech(results: Any) -> None:
    outcome = results["translate_text"]
    assert outcome["ended"] == {"code": "OK"}
    assert kinds(outcome)[-1] == "utterance_done"
    text = "".join(
        each["translation"]["delta"] for each in outcome["events"] if each["event"] == "translation"
    )
    assert text == "¿Dónde está la estación?"
    assert sum(each["audio"]["data"] for each in outcome["events"] if each["event"] == "audio") > 16_000


async def test_the_example_goes_on_at_another_server(tmp_path: Path) -> None:
    """Servers as processes whose engine follows a script: one dies in the middle."""
    keys, clip = tmp_path / "keys", tmp_path / "long.wav"
    keys.write_text(new_resume_key() + "\n")
    said = np.concatenate([np.full(24_000, 9_000, np.int16), np.zeros(16_000, np.int16)])
    soundfile.write(clip, np.tile(said, 24), 16_000, subtype="PCM_16")
    command = (sys.executable, "-m", "benchmarks.resume.scripted_server", "--resume-keys", str(keys))
    spoken: list[bytes] = []
    async with servers(1, command) as (whole,), servers(1, (*command, "--dies-after", "8")) as (dying,):
        for addresses in (whole.address, f"{dying.address},{whole.address}"):
            speech, events = tmp_path / "speech.wav", tmp_path / "events.json"
            flags = ("--to", "es", "--out", str(speech), "--json", str(events))
            code, _, errors = await node(EXAMPLE / "translate.mjs", addresses, str(clip), *flags)
            assert code == 0, errors
            responses = json.loads(events.read_text())
            spoken.append(speech.read_bytes())
            texts: dict[int, str] = {}
            for response in responses:
                if response["event"] == "translation":
                    number = response["translation"]["utterance_id"]
                    texts[number] = texts.get(number, "") + response["translation"]["delta"]
            assert len(texts) == 24
            assert all(len(text.split()) == 12 for text in texts.values()), texts
        assert await dying.ended() == -signal.SIGKILL
    assert spoken[0] == spoken[1], "the same speech, sample by sample"
