"""The methods of ``nvidia.riva.asr.RivaSpeechRecognition``."""

from __future__ import annotations

from typing import Any

from riva.client.proto import riva_asr_pb2 as asr

from translate_svc.errors import InvalidArgument
from translate_svc.languages import Language
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.riva.audio.audio_source import AudioReader
from translate_svc.rpc.riva.context import NO_SPEECH, RivaContext, SpeechCall
from translate_svc.rpc.riva.fields import refuse_others, under
from translate_svc.rpc.riva.messages import audio_reader, configuration_of, id_of
from translate_svc.rpc.riva.recognition_settings import RecognitionSettings, recognition_settings
from translate_svc.rpc.riva.result_sink import ResultOptions, ResultSink
from translate_svc.types import (
    AUTO,
    INTERNAL_SAMPLE_RATE_HZ,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamSettings,
)

_STREAMING = "streaming_config"
_TRANSCRIPT = frozenset({Inspect.TRANSCRIPT, Inspect.TOKENS})


class RecognitionServicer:
    """All methods are coroutines. ``ErrorInterceptor`` handles their errors."""

    def __init__(self, context: RivaContext) -> None:
        self._context = context

    async def Recognize(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Transcribes a whole recording: utterances are cut by hindsight, and each has one result."""
        del context
        shared = self._context
        with shared.calls.admission():
            refuse_others(request, {"config", "audio", "id"})
            if not request.audio:
                raise InvalidArgument("holds no audio", field="audio")
            recognition = self._settings(request.config, "config")
            call = _call(recognition, Segmentation.HINDSIGHT)
        response = asr.RecognizeResponse(id=id_of(request))

        async def keep(result: Any) -> int:
            kept = response.results.add(channel_tag=1, audio_processed=result.audio_processed)
            kept.alternatives.extend(result.alternatives)
            return int(kept.ByteSize())

        audio = iter([request.audio])

        async def read() -> bytes | None:
            return next(audio, None)

        options = ResultOptions(words=recognition.words, tag=_tag(recognition))
        await shared.run_speech(
            call,
            AudioReader(read, "audio"),
            lambda rate_hz: ResultSink(keep, options, shared.languages, rate_hz),
        )
        return response

    async def StreamingRecognize(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Transcribes speech while it comes."""
        del requests
        shared = self._context
        first = await shared.read_first(context)
        with shared.calls.admission():
            config = configuration_of(first, _STREAMING)
            refuse_others(config, {"config", "interim_results"}, _STREAMING)
            recognition = self._settings(config.config, f"{_STREAMING}.config")
            simultaneous = config.interim_results and shared.service.calibrated
            call = _call(recognition, Segmentation.VAD, SimultaneousSettings() if simultaneous else None)

        async def write(result: Any) -> int:
            response = asr.StreamingRecognizeResponse(results=[result], id=id_of(first))
            await context.write(response)
            return int(response.ByteSize())

        options = ResultOptions(config.interim_results, recognition.words, _tag(recognition))
        await shared.run_speech(
            call,
            audio_reader(context, _STREAMING),
            lambda rate_hz: ResultSink(write, options, shared.languages, rate_hz),
        )

    async def GetRivaSpeechRecognitionConfig(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Lists the loaded model for each language that it writes down, for streams and for recordings."""
        del request, context
        name = self._context.service.info().model.name
        return asr.RivaSpeechRecognitionConfigResponse(
            model_config=[
                asr.RivaSpeechRecognitionConfigResponse.Config(
                    model_name=name, parameters=_parameters(language, kind)
                )
                for kind in ("online", "offline")
                for language in self._context.languages
                if language.speech_in and language.text
            ]
        )

    def _settings(self, config: Any, path: str) -> RecognitionSettings:
        """Reads a ``RecognitionConfig``. Raises as ``recognition_settings``; also: it has no texts."""
        recognition = recognition_settings(config, self._context.languages, path)
        if recognition.language is not None and not recognition.language.text:
            raise InvalidArgument("is not written by this model", field=under(path, "language_code"))
        return recognition


def _call(
    recognition: RecognitionSettings,
    segmentation: Segmentation,
    simultaneous: SimultaneousSettings | None = None,
) -> SpeechCall:
    settings = StreamSettings(
        (),
        AUTO if recognition.language is None else recognition.language.code,
        _TRANSCRIPT,
        segmentation,
        recognition.vad,
        simultaneous=simultaneous,
    )
    return SpeechCall(recognition, settings, NO_SPEECH, {})


def _tag(recognition: RecognitionSettings) -> str:
    """The tag of a language that is known; empty: each result says what was heard."""
    return "" if recognition.language is None else recognition.language.bcp47


def _parameters(language: Language, kind: str) -> dict[str, str]:
    """What Riva's programs look for; ``kind``: ``online`` or ``offline``."""
    return {
        "language_code": language.bcp47,
        "type": kind,
        "streaming": str(kind == "online"),
        "sample_rate": str(INTERNAL_SAMPLE_RATE_HZ),
    }
