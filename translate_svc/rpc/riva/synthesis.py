"""The methods of ``nvidia.riva.tts.RivaSpeechSynthesis``."""

from __future__ import annotations

import re
from typing import Any

from riva.client.proto import riva_tts_pb2 as tts

from translate_svc.errors import InvalidArgument, TranslationFailed
from translate_svc.rpc.authentication import caller, may_stay
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.riva.audio.speech_output import packer_of, speech_format
from translate_svc.rpc.riva.context import RivaContext
from translate_svc.rpc.riva.fields import refuse_others, renamed
from translate_svc.rpc.riva.languages import resolve
from translate_svc.rpc.riva.messages import id_of
from translate_svc.rpc.riva.speech_sink import SpeechSink, WriteSpeech
from translate_svc.rpc.riva.voices import names_of, speaker_of
from translate_svc.serving.call_driver import CallDriver
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, TargetSettings, TranslateRequest, UtteranceDone

_FIELDS = frozenset({"text", "language_code", "encoding", "sample_rate_hz", "voice_name", "id"})
_NAMES = {"source_language": "language_code", "targets[0].language": "language_code"}
_SSML = re.compile(r"\s*<speak\b")


class SynthesisServicer:
    """All methods are coroutines. ``ErrorInterceptor`` handles their errors."""

    def __init__(self, context: RivaContext) -> None:
        self._context = context

    async def Synthesize(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Speaks one text, as it is."""
        del context
        parts: list[bytes] = []

        async def keep(audio: bytes) -> int:
            parts.append(audio)
            return len(audio)

        await self._speak(request, keep)
        meta = tts.SynthesizeSpeechResponseMetadata(text=request.text, processed_text=request.text)
        return tts.SynthesizeSpeechResponse(audio=b"".join(parts), meta=meta, id=id_of(request))

    async def SynthesizeOnline(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Speaks texts one after another, each while it is made."""
        del requests
        request = await self._context.read_first(context)
        async with self._context.calls.staying(may_stay()):
            while request is not None:
                name = id_of(request)

                async def write(audio: bytes, name: Any = name) -> int:
                    response = tts.SynthesizeSpeechResponse(audio=audio, id=name)
                    await context.write(response)
                    return int(response.ByteSize())

                await self._speak(request, write)
                request = await self._context.read_next(context)

    async def GetRivaSynthesisConfig(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Lists the loaded model for each language that it speaks, with its voices."""
        del request, context
        model = self._context.service.info().model.name
        answer = tts.RivaSynthesisConfigResponse()
        for language in self._context.languages:
            if language.speech_out:
                # Riva's programs join the two names with a dot
                voices = [name.removeprefix(f"{language.bcp47}.") for name in names_of(language)]
                parameters = {
                    "language_code": language.bcp47,
                    "voice_name": language.bcp47,
                    "subvoices": ",".join(f"{voice}:{number}" for number, voice in enumerate(voices)),
                    "sample_rate": str(INTERNAL_SAMPLE_RATE_HZ),
                }
                answer.model_config.add(model_name=model, parameters=parameters)
        return answer

    async def _speak(self, request: Any, write: WriteSpeech) -> None:
        """Raises InvalidArgument, OutOfRange, Unsupported: a field asks for what is not served. Names it."""
        shared = self._context
        with shared.calls.admission():
            wanted = self._translate_request(request)
            shared.calls.check_open()
            with renamed(_NAMES):
                handler = await shared.service.translate(wanted, caller())
        sink = SpeechSink(write, packer_of(wanted.output), UtteranceDone, _failure)
        await shared.calls.run(CallDriver(sink, handler, shared.options, last=UtteranceDone), may_stay())

    def _translate_request(self, request: Any) -> TranslateRequest:
        refuse_others(request, _FIELDS)
        if _SSML.match(request.text):
            raise InvalidArgument("is SSML, of which nothing is served: send plain text", field="text")
        language = resolve(request.language_code, self._context.languages, "language_code")
        if not language.speech_out:
            raise InvalidArgument("is not spoken by this model", field="language_code")
        speaker = speaker_of(request.voice_name, language, "voice_name")
        return TranslateRequest(
            request.text,
            (TargetSettings(language.code, text=False, speaker_id=speaker),),
            speech_format(request.encoding, request.sample_rate_hz, ""),
            language.code,
        )


def _failure(done: UtteranceDone) -> TranslationFailed:
    del done
    return TranslationFailed("could not be spoken", field="text")
