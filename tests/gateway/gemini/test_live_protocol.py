"""The messages of Gemini's Live API, one by one, with an engine that follows a script."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import from_pcm16
from tests.gateway.gemini.clients import SPOKEN, RawSession, audio, raw_session, translation
from tests.gateway.telephone.provider import speaks
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.errors import Unavailable
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.session.admission import AdmissionOptions

DETECTION = "automaticActivityDetection"


async def test_a_session_from_its_setup_to_its_close(
    server: GatewayServer, service: ModelFreeService
) -> None:
    async with raw_session(server) as opened:
        await opened.setup()
        assert set(await opened.receive()) == {"setupComplete"}
        await opened.say()
        transcription = await opened.until("serverContent", "outputTranscription")
        assert transcription["languageCode"] == "es"
        await opened.until("usageMetadata", "totalTokenCount")
        await opened.say(b"", audioStreamEnd=True)
        assert await opened.until("serverContent", "turnComplete")
        await opened.socket.send_json({"realtimeInput": {"audioStreamEnd": True}})
        assert await opened.until("serverContent", "turnComplete"), "nothing came since"
        await opened.say()
        await opened.socket.close()
    async with asyncio.timeout(10):
        await server.stop(60)  # waits for sessions
    assert set(service.held.values()) == {0}


@pytest.mark.parametrize(
    ("mime_type", "rate_hz"),
    [("audio/pcm", 16_000), ("audio/pcm; rate=8000", 8_000), ("AUDIO/PCM;RATE=48000", 48_000)],
)
async def test_audio_of_any_rate_and_in_any_chunks(
    server: GatewayServer, mime_type: str, rate_hz: int
) -> None:
    """As protocol buffers may be written: names in either case, base64 of either alphabet, binary frames."""
    times = np.arange(round(0.6 * rate_hz)) / rate_hz
    tone = (16_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()
    async with raw_session(server) as opened:
        await opened.setup()
        await opened.receive()
        for start in range(0, len(tone), 1_001):
            chunk = base64.urlsafe_b64encode(tone[start : start + 1_001]).decode()
            blob = {"data": chunk, "mime_type": mime_type}
            await opened.socket.send_json({"realtime_input": {"media_chunks": [blob]}})
        await opened.socket.send_bytes(b'{"realtimeInput": {"audioStreamEnd": true}}')
        heard = await opened.until("usageMetadata", "promptTokenCount")
        assert heard == pytest.approx(25 * 0.6, abs=2)
        assert await opened.until("serverContent", "turnComplete")


async def test_who_says_when_somebody_speaks_is_believed(server: GatewayServer) -> None:
    """What comes outside of an activity is not heard, and silence ends none."""
    async with raw_session(server) as opened:
        await opened.setup(realtimeInputConfig={DETECTION: {"disabled": True, "silenceDurationMs": 100}})
        await opened.receive()
        await opened.say()
        await opened.say(activityStart={})
        await opened.say()
        await opened.socket.send_json({"realtimeInput": {"activityEnd": {}}})
        assert await opened.until("usageMetadata", "promptTokenCount") == 2 * 1.6 * 25
        assert (await opened.receive())["serverContent"] == {"turnComplete": True}


async def test_a_turn_is_complete_when_all_of_it_is_translated(server: GatewayServer) -> None:
    """Not when some of it is."""
    async with raw_session(server) as opened:
        await opened.setup()
        await opened.say(3 * SPOKEN, audioStreamEnd=True)
        done = 0
        while "turnComplete" not in (message := await opened.receive()).get("serverContent", {}):
            done += "usageMetadata" in message
        assert done == 3


async def test_speech_is_24_khz(server: GatewayServer) -> None:
    async with (
        model_free_service(speaks(50)) as service,
        GatewayServer(service) as server,
        raw_session(server) as opened,
    ):
        await opened.setup()
        await opened.say(audioStreamEnd=True)
        data = b""
        while not (message := await opened.receive()).get("serverContent", {}).get("turnComplete"):
            for part in message.get("serverContent", {}).get("modelTurn", {}).get("parts", ()):
                assert part["inlineData"]["mimeType"] == "audio/pcm;rate=24000"
                data += base64.b64decode(part["inlineData"]["data"])
        assert len(from_pcm16(data)) == 24_000


REFUSED = [
    ({"tools": [{"googleSearch": {}}]}, "setup.tools"),
    ({"systemInstruction": {"parts": [{"text": "a"}]}}, "setup.systemInstruction"),
    ({"avatarConfig": {"avatarName": "a"}}, "setup.avatarConfig"),
    ({"historyConfig": {"initialHistoryInClientContent": True}}, "setup.historyConfig"),
    ({"translationConfig": {}}, "setup.translationConfig is not a parameter"),
    ({"generationConfig": {}}, "setup.generationConfig.translationConfig is required"),
    (
        {"generationConfig": translation("xx")["generationConfig"]},
        "translationConfig.targetLanguageCode is not a language of the loaded model (see GET /v1/models)",
    ),
    (translation("es", responseModalities=["IMAGE"]), "setup.generationConfig.responseModalities[0]"),
    (translation("es", responseSchema={}), "setup.generationConfig.responseSchema"),
    (translation("es", speechConfig={"multiSpeakerVoiceConfig": {}}), "speechConfig.multiSpeakerVoiceConfig"),
    (
        translation("es", speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "999"}}}),
        "setup.generationConfig.speechConfig.voiceConfig is not a voice",
    ),
    ({"inputAudioTranscription": {"languageCodes": ["xx"]}}, "setup.inputAudioTranscription.languageCodes"),
    ({"inputAudioTranscription": {}}, "setup.inputAudioTranscription.languageCodes is required"),
    ({"inputAudioTranscription": {"diarization": True}}, "setup.inputAudioTranscription.diarization"),
    ({"outputAudioTranscription": {"mode": "SMART"}}, "setup.outputAudioTranscription.mode"),
    ({"sessionResumption": {"transparent": True}}, "setup.sessionResumption.transparent"),
    ({"sessionResumption": {"handle": "x"}}, "setup.sessionResumption.handle is not valid"),
    ({"sessionResumption": {"handle": "AAAAAAAAAAAA"}}, "setup.sessionResumption.handle"),
    (
        {"realtimeInputConfig": {DETECTION: {"silenceDurationMs": 1}}},
        "automaticActivityDetection.silenceDurationMs",
    ),
    (
        {"realtimeInputConfig": {DETECTION: {"prefixPaddingMs": -1}}},
        "automaticActivityDetection.prefixPaddingMs",
    ),
]


@pytest.mark.parametrize(("fields", "told"), REFUSED, ids=[told for _, told in REFUSED])
async def test_a_setup_that_cannot_be_served_names_the_field(
    server: GatewayServer, fields: dict[str, Any], told: str
) -> None:
    async with raw_session(server) as opened:
        await opened.setup(**fields)
        code, reason = await opened.closed()
    assert code == 1007
    assert told in reason


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("{", "the message is not JSON"),
        ('{"realtimeInput": {}, "setup": {}}', "a message must have one of setup"),
        ('{"sing": {}}', "sing is not a parameter"),
        ('{"setup": {}}', "setup came before"),
        ('{"clientContent": {"turns": [], "turnComplete": true}}', "clientContent is not served"),
        ('{"tool_response": {"function_responses": []}}', "toolResponse answers no call"),
        ('{"contextUpdate": {}}', "contextUpdate cannot change"),
        ('{"realtimeInput": {"text": "a"}}', "realtimeInput.text is not served"),
        ('{"realtimeInput": {"video": {"data": "", "mimeType": "image/png"}}}', "realtimeInput.video is not"),
        ('{"realtimeInput": {"audio": {"mimeType": "audio/opus"}}}', "realtimeInput.audio.mimeType must be"),
        ('{"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=7999"}}}', "must name a rate of 8000"),
        ('{"realtimeInput": {"audio": {"data": "?"}}}', "realtimeInput.audio.data is not base64"),
        ('{"realtimeInput": {"mediaChunks": [{"mimeType": "image/png"}]}}', "mediaChunks[0].mimeType"),
        ('{"realtimeInput": {"activityStart": {}}}', "realtimeInput.activityStart must not come"),
    ],
)
async def test_a_message_that_cannot_be_served_names_the_field(
    server: GatewayServer, message: str, told: str
) -> None:
    async with raw_session(server) as opened:
        await opened.setup()
        await opened.socket.send_str(message)
        code, reason = await opened.closed()
    assert code == 1007
    assert told in reason


async def test_the_setup_comes_first(server: GatewayServer) -> None:
    async with raw_session(server) as opened:
        await opened.say()
        assert await opened.closed() == (1007, "setup must be the first message")


async def test_the_rate_stays(server: GatewayServer) -> None:
    async with raw_session(server) as opened:
        await opened.setup()
        await opened.say()
        await opened.socket.send_json({"realtimeInput": {"audio": audio(b"", "audio/pcm")}})
        code, reason = await opened.closed()
        assert (code, reason) == (
            1007,
            "realtimeInput.audio.mimeType cannot change its rate once audio has come",
        )


async def test_what_is_without_effect_is_taken(server: GatewayServer) -> None:
    """Fields that Google's clients set by habit, and those that ask for nothing."""
    sampling = {
        "temperature": 0.5,
        "topP": 1,
        "topK": 3,
        "maxOutputTokens": 9,
        "seed": 1,
        "thinkingConfig": {},
    }
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "es-ES"}
    async with raw_session(server) as opened:
        await opened.setup(
            **translation("es", speechConfig=voice, **sampling),
            contextWindowCompression={"slidingWindow": {}},
            tools=[],
            labels={"a": "b"},
            safetySettings=[],
        )
        assert "setupComplete" in await opened.receive()


async def test_a_server_that_leaves_says_so(server: GatewayServer) -> None:
    async with raw_session(server) as opened:
        await opened.setup(sessionResumption={})
        await opened.until("sessionResumptionUpdate", "newHandle")
        leaving = asyncio.create_task(server.stop(0.5, Unavailable("it moves")))
        assert await opened.until("goAway", "timeLeft") == "0.25s", "then nothing is heard any more"
        assert await opened.closed() == (1011, "it moves")
        await leaving


async def test_a_session_that_has_grown_old_ends(service: ModelFreeService) -> None:
    options = GatewayOptions(session_lifetime_s=0.1, drain_finish_s=0.2)
    async with GatewayServer(service, options) as server, raw_session(server) as opened:
        await opened.setup()
        assert await opened.until("goAway", "timeLeft") == "0.1s"
        assert await opened.closed() == (1011, "the session has reached its age limit")


async def test_a_server_that_is_full_says_so(options: GatewayOptions) -> None:
    async with (
        model_free_service(admission=AdmissionOptions(max_streams=1)) as service,
        GatewayServer(service, options) as server,
        raw_session(server) as first,
        raw_session(server) as second,
    ):
        await first.setup()
        await first.receive()
        await second.setup()
        assert (await second.closed())[0] == 1011


async def test_keys_come_where_googles_clients_put_them(service: ModelFreeService, tmp_path: Path) -> None:
    key, other = new_key(), new_key()
    (tmp_path / "keys").write_text(key_line("alice", key) + "\n" + key_line("bob", other))
    async with GatewayServer(service, callers=Callers(ApiKeys(tmp_path / "keys"))) as server:
        handle = ""
        for query, headers in (
            ("", {"x-goog-api-key": key}),
            (f"?key={key}", {}),
            ("", {"Authorization": f"Bearer {key}"}),
        ):
            async with raw_session(server, query, headers=headers) as opened:
                await opened.setup(sessionResumption={"handle": handle})
                handle = await opened.until("sessionResumptionUpdate", "newHandle")
        for query in ("", "?key=other"):
            async with raw_session(server, query) as opened:
                assert (await opened.closed())[0] == 1007
        async with raw_session(server, f"?key={other}") as opened:
            await opened.setup(sessionResumption={"handle": handle})
            code, reason = await opened.closed()
            assert code == 1007
            assert reason.startswith("setup.sessionResumption.handle belongs to another caller")


@pytest.mark.parametrize(
    "path",
    [
        "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent",
        "/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContent",
        "//ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
    ],
)
async def test_every_path_of_googles_clients(server: GatewayServer, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.target + path) as socket:
        opened = RawSession(socket)
        await opened.setup()
        assert "setupComplete" in await opened.receive()
