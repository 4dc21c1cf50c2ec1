"""Messages of clients of Gemini's Live API: a setup, or audio of a session."""

from __future__ import annotations

from collections.abc import Iterator

from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.gemini.live_input import PcmAudio
from translate_svc.gateway.gemini.live_message import LiveMessage
from translate_svc.gateway.gemini.live_setup import LiveSetup
from translate_svc.gateway.gemini.session_handle import SessionHandle

MAX_BYTES = 4_096


def run(data: bytes) -> None:
    """One message."""
    try:
        message = LiveMessage(data)
        if message.kind == "setup":
            setup = LiveSetup.read(message.body)
            assert setup.speaks or setup.writes
            assert SessionHandle.read(setup.handle).position >= 0
        elif (blob := message.body.object("audio")) is not None:
            audio = PcmAudio()
            assert len(audio.at_our_rate(audio.read(blob)) + audio.at_our_rate(b"")) % 2 == 0
    except TranslateSvcError:
        return


def seeds() -> Iterator[bytes]:
    """What Google's package and its pages send."""
    yield (
        b'{"setup": {"model": "models/m", "generationConfig": {"responseModalities": ["AUDIO"],'
        b' "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "3"}}},'
        b' "translationConfig": {"targetLanguageCode": "pl", "echoTargetLanguage": true}},'
        b' "inputAudioTranscription": {"languageCodes": ["en"]}, "outputAudioTranscription": {},'
        b' "sessionResumption": {"handle": "AAAAAAAAAAFhYg=="},'
        b' "realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": 500}}}}'
    )
    yield b'{"realtimeInput": {"audio": {"data": "AAEC_-8=", "mimeType": "audio/pcm;rate=24000"}}}'
    yield b'{"realtime_input": {"audio": {"data": "AAEC", "mime_type": "audio/pcm"}, "activity_end": {}}}'
