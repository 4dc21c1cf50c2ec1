"""What providers send and are sent, message by message; calls over providers that are not Twilio."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from tests.fakes.model_free_service import model_free_service
from tests.gateway.telephone.provider import speaks, telephone, tone
from translate_svc.audio.codecs.g711 import from_alaw, to_alaw
from translate_svc.audio.pcm import to_s16
from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.telephone.asterisk import AsteriskChannel
from translate_svc.gateway.telephone.media_streams import MediaStreams, TelnyxStreams
from translate_svc.telephone.call_events import (
    CallAudio,
    CallStarted,
    HungUp,
    KeyPressed,
    MarkHeard,
    PlaybackHeld,
)
from translate_svc.types import AudioFormat, Encoding

TELNYX_START: dict[str, Any] = {
    "event": "start", "sequence_number": "1", "stream_id": "32DE0DEA-53CB-4B21-89A4-9E1819C043BC",
    "start": {
        "user_id": "3E6F995F", "call_control_id": "v2:T02", "from": "+13122010094",
        "custom_parameters": {"source": "en", "target": "es"},
        "media_format": {"encoding": "PCMA", "sample_rate": 8000, "channels": 1},
    },
}  # fmt: skip


def media(chunk: int, data: bytes, track: str = "inbound") -> dict[str, Any]:
    payload = base64.b64encode(data).decode()
    return {"event": "media", "media": {"track": track, "chunk": str(chunk), "payload": payload}}


async def test_a_call_over_telnyx(tmp_path: Path) -> None:
    """A-law; frames that overtake each other; a token in a header."""
    file = telephone(tmp_path, '[telnyx]\nsecrets = ["t"]')
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=file) as server,
        aiohttp.ClientSession() as http,
    ):
        url = f"{server.target}/v1/telephone/telnyx"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await http.ws_connect(url)
        token = {"X-Telnyx-Streaming-Auth-Token": "t"}
        async with http.ws_connect(url, headers=token) as socket:
            await socket.send_json({"event": "connected", "version": "1.0.0"})
            await socket.send_json(TELNYX_START)
            data = to_alaw(tone(0.6)).tobytes()
            frames = [media(number, data[160 * number :][:160]) for number in range(len(data) // 160)]
            frames[2], frames[3] = frames[3], frames[2]
            for frame in frames:
                await socket.send_json(frame)
            heard = bytearray()
            while (event := await socket.receive_json(timeout=30))["event"] == "media":
                assert set(event) == {"event", "media"}
                heard += base64.b64decode(event["media"]["payload"])
            assert event == {"event": "mark", "mark": {"name": "speech-1"}}
            await socket.send_json({"event": "stop", "stop": {}})
            assert (await socket.receive(timeout=30)).data == 1000
        samples = from_alaw(np.frombuffer(bytes(heard), np.uint8))
        assert len(samples) == 5 * 160
        assert np.median(samples) == pytest.approx(0.25, abs=0.02)


async def test_a_call_over_signalwire(tmp_path: Path) -> None:
    """Linear samples at 24 kHz, and a bearer token."""
    file = telephone(tmp_path, '[signalwire]\nsecrets = ["b"]')
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=file) as server,
        aiohttp.ClientSession() as http,
    ):
        url = f"{server.target}/v1/telephone/signalwire"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await http.ws_connect(url, headers={"Authorization": "Bearer other"})
        async with http.ws_connect(url, headers={"Authorization": "Bearer b"}) as socket:
            form = {"encoding": "L16", "sampleRate": 24_000, "channels": 1}
            start = {"mediaFormat": form, "customParameters": {"source": "en", "target": "es"}}
            await socket.send_json({"event": "start", "streamSid": "s", "start": start})
            data = to_s16(np.repeat(tone(0.6), 3)).tobytes()
            for number in range(len(data) // 960):
                await socket.send_json(media(number, data[960 * number :][:960]))
            heard = bytearray()
            while (event := await socket.receive_json(timeout=30))["event"] == "media":
                assert event["streamSid"] == "s"
                heard += base64.b64decode(event["media"]["payload"])
        assert len(heard) == 5 * 960
        assert np.median(np.frombuffer(bytes(heard), "<i2")) == pytest.approx(8_192, abs=50)


async def test_a_call_over_asterisk(tmp_path: Path) -> None:
    """Its channel offers a subprotocol, sends and gets bytes, and brings settings in the URL."""
    file = telephone(tmp_path, '[asterisk]\nsecrets = ["s"]')
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service, telephone=file) as server,
        aiohttp.ClientSession() as http,
    ):
        url = f"{server.target}/v1/telephone/asterisk?source=en&target=es"
        login = {"Authorization": aiohttp.encode_basic_auth("translate", "s")}
        async with http.ws_connect(url, headers=login, protocols=["media"]) as socket:
            assert socket.protocol == "media"
            await socket.send_str("MEDIA_START connection_id:c1 channel:WebSocket/c1/0x1 channel_id:1.1 "
                                  "format:slin16 optimal_frame_size:640 ptime:20")  # fmt: skip
            data = to_s16(np.repeat(tone(0.6), 2)).tobytes()
            for start in range(0, len(data), 640):
                await socket.send_bytes(data[start : start + 640])
            heard = bytearray()
            while (message := await socket.receive(timeout=30)).type is aiohttp.WSMsgType.BINARY:
                assert len(message.data) % 640 == 0
                heard += message.data
            assert message.data == "MARK_MEDIA speech-1"
            assert len(heard) == 5 * 640
            await socket.send_str("MEDIA_MARK_PROCESSED speech-1")


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "expected"),
    [
        ("PCMU", 8_000, Encoding.MULAW),
        ("audio/x-mulaw", "8000", Encoding.MULAW),
        ("PCMA", 8_000, Encoding.ALAW),
        ("L16", 16_000, Encoding.PCM_S16LE),
        ("audio/x-l16", 24_000, Encoding.PCM_S16LE),
        ("PCMU", 16_000, None),
        ("G722", 8_000, None),
        ("OPUS", 48_000, None),
        ("AMR-WB", 16_000, None),
        ("", 8_000, None),
    ],
)
def test_formats_are_served_or_refused_by_name(
    encoding: str, rate_hz: int | str, expected: Encoding | None
) -> None:
    message = json.loads(json.dumps(TELNYX_START))
    message["start"]["media_format"] |= {"encoding": encoding, "sample_rate": rate_hz}
    if expected is None:
        with pytest.raises(TranslateSvcError) as refused:
            TelnyxStreams().read(json.dumps(message))
        assert refused.value.field == "start.media_format.encoding"
    else:
        (started,) = TelnyxStreams().read(json.dumps(message))
        assert isinstance(started, CallStarted)
        assert started.audio == AudioFormat(expected, int(rate_hz))


def test_frames_are_put_in_order() -> None:
    """One that is late by more than 100 ms is given up; a provider may count again from the beginning."""
    streams = MediaStreams()

    def heard(*numbers: int) -> list[int]:
        events = [event for each in numbers for event in streams.read(json.dumps(media(each, bytes([each]))))]
        return [event.data[0] for event in events if isinstance(event, CallAudio)]

    assert heard(1, 2, 4, 3, 5) == [1, 2, 3, 4, 5]
    assert heard(7, 8, 9, 10, 11) == []
    assert heard(12, 6, 13) == [7, 8, 9, 10, 11, 12, 13]
    assert heard(*range(14, 90), 1, 2) == [*range(14, 90), 1, 2]
    assert not streams.read(json.dumps(media(3, b"?", "outbound")))


def test_an_error_of_a_provider_is_logged_by_its_number(caplog: pytest.LogCaptureFixture) -> None:
    error = {"event": "error", "payload": {"code": 100002, "title": "a\nb", "detail": "said something"}}
    with caplog.at_level(logging.WARNING):
        assert not TelnyxStreams().read(json.dumps(error))
    assert [each.getMessage() for each in caplog.records] == ["the provider of a call reports error 100002"]


@pytest.mark.parametrize(
    ("plain", "as_json", "expected"),
    [
        ("MEDIA_START format:ulaw", {"format": "ulaw"}, CallStarted(AudioFormat(Encoding.MULAW, 8_000))),
        ("MEDIA_START format:slin48", {"format": "slin48"},
         CallStarted(AudioFormat(Encoding.PCM_S16LE, 48_000))),
        ("DTMF_END digit:# channel_id:1", {"digit": "#"}, KeyPressed("#")),
        ("MEDIA_MARK_PROCESSED m", {"correlation_id": "m"}, MarkHeard("m")),
        ("DTMF_END digit:", {"digit": ""}, KeyPressed("")),
        ("MEDIA_MARK_PROCESSED", {"correlation_id": ""}, MarkHeard("")),
        ("MEDIA_XOFF", {}, PlaybackHeld(True)),
        ("MEDIA_XON", {}, PlaybackHeld(False)),
        ("QUEUE_DRAINED", {}, None),
        ("STATUS queue_length:43 media_paused:false", {"queue_length": 43}, None),
        ("MEDIA_BUFFERING_COMPLETED x", {"correlation_id": "x"}, None),
        ("ERROR error_text:a b", {"error_text": "a b"}, None),
    ],
)  # fmt: skip
def test_asterisks_events_in_both_of_its_forms(plain: str, as_json: dict[str, Any], expected: object) -> None:
    assert list(AsteriskChannel().read(plain)) == ([expected] if expected else [])
    message = json.dumps({"event": plain.partition(" ")[0], "channel_id": "1.1", **as_json})
    channel = AsteriskChannel()
    assert list(channel.read(message)) == ([expected] if expected else [])
    assert json.loads(channel.mark("m")) == {"command": "MARK_MEDIA", "correlation_id": "m"}
    assert json.loads(channel.clear()) == {"command": "FLUSH_MEDIA"}
    assert AsteriskChannel().clear() == "FLUSH_MEDIA"


@pytest.mark.parametrize("name", ["opus", "g722", "h264", ""])
def test_asterisks_other_codecs_are_refused_by_name(name: str) -> None:
    with pytest.raises(TranslateSvcError) as refused:
        AsteriskChannel().read(f"MEDIA_START format:{name}")
    assert refused.value.field == "format"


def test_a_call_that_is_over_is_told() -> None:
    assert list(MediaStreams().read('{"event": "stop", "sequenceNumber": "9"}')) == [HungUp()]
    assert list(MediaStreams().read('{"event": "dtmf", "dtmf": {"digit": "1"}}')) == [KeyPressed("1")]
    assert list(MediaStreams().read('{"event": "mark", "mark": {"name": "m"}}')) == [MarkHeard("m")]
