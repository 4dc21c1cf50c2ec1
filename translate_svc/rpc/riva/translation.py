"""The methods of ``nvidia.riva.nmt.RivaTranslation``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from riva.client.proto import riva_nmt_pb2 as nmt
from riva.client.proto import riva_tts_pb2 as tts

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.rpc.authentication import caller, may_stay
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.riva.audio.speech_output import packer_of
from translate_svc.rpc.riva.context import NO_SPEECH, RivaContext
from translate_svc.rpc.riva.fields import refuse_others, renamed
from translate_svc.rpc.riva.languages import resolve
from translate_svc.rpc.riva.messages import audio_reader, configuration_of, id_of
from translate_svc.rpc.riva.result_sink import ResultOptions, ResultSink
from translate_svc.rpc.riva.speech_sink import SpeechSink
from translate_svc.rpc.riva.texts.terms import key_of, others, terms_of, untagged
from translate_svc.rpc.riva.texts.text_batch import TextBatch, TextOpener
from translate_svc.rpc.riva.translation_settings import speech_call, text_call
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.failed_utterance import failure_at
from translate_svc.serving.protocols import CallHandler
from translate_svc.types import (
    Closed,
    TargetSettings,
    TranslateRequest,
    UtteranceDone,
)

MAX_TEXTS = 128
"""Of one call; Riva's own servers take 8."""
_CONFIG = "config"
# max_len_variation is where Riva cuts long translations: ours are not cut by the length of their source
_TEXT_FIELDS = frozenset(
    {"texts", "model", "source_language", "target_language", "dnt_phrases", "max_len_variation", "id"}
)

_TEXT_PATHS = {"targets[0].language": "target_language", "terms": "dnt_phrases"}


class TranslationServicer:
    """All methods are coroutines. ``ErrorInterceptor`` handles their errors."""

    def __init__(self, context: RivaContext) -> None:
        self._context = context

    async def TranslateText(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Translates each of several texts."""
        del context
        calls = self._context.calls
        with calls.admission():
            calls.check_open()
            batch = await TextBatch.open(self._openers(request))
        await calls.run(CallDriver(batch, batch, self._context.options, last=UtteranceDone), may_stay())
        translations = [nmt.Translation(text=text, language=request.target_language) for text in batch.texts]
        return nmt.TranslateTextResponse(translations=translations, id=id_of(request))

    async def ListSupportedLanguagePairs(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Lists what is translated into what: texts by our model, and speech by Riva's two pipelines. What
        the model cannot is not listed.
        """
        del request, context
        languages = self._context.languages
        texts = [each.bcp47 for each in languages if each.text and languages.reads_text]
        speech = [each.bcp47 for each in languages if each.speech_in]
        written = [each.bcp47 for each in languages if each.text and each.translated]
        spoken = [each.bcp47 for each in languages if each.speech_out]
        pairs = {
            self._context.service.info().model.name: (texts, written),
            "s2t_model": (speech, written),
            "s2s_model": (speech, spoken),
        }
        kind = nmt.AvailableLanguageResponse.LanguagePair
        return nmt.AvailableLanguageResponse(
            languages={
                name: kind(src_lang=into[0], tgt_lang=into[1]) for name, into in pairs.items() if all(into)
            }
        )

    async def StreamingTranslateSpeechToText(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Translates speech while it comes; results are those of a recognition, in the target language."""
        del requests
        shared = self._context
        first = await shared.read_first(context)
        with shared.calls.admission():
            config = configuration_of(first, _CONFIG)
            wanted = text_call(config, shared.languages, calibrated=shared.service.calibrated)

        async def write(result: Any) -> int:
            response = nmt.StreamingTranslateSpeechToTextResponse(results=[result], id=id_of(first))
            await context.write(response)
            return int(response.ByteSize())

        options = ResultOptions(wanted.interim, wanted.call.recognition.words, wanted.tag)
        await shared.run_speech(
            wanted.call,
            audio_reader(context, _CONFIG),
            lambda rate_hz: ResultSink(write, options, shared.languages, rate_hz),
        )

    async def StreamingTranslateSpeechToSpeech(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Translates speech while it comes, and speaks the translations."""
        del requests
        shared = self._context
        first = await shared.read_first(context)
        with shared.calls.admission():
            call = speech_call(configuration_of(first, _CONFIG), shared.languages)

        async def write(audio: bytes) -> int:
            speech = tts.SynthesizeSpeechResponse(audio=audio)
            response = nmt.StreamingTranslateSpeechToSpeechResponse(speech=speech, id=id_of(first))
            await context.write(response)
            return int(response.ByteSize())

        packer = packer_of(call.output)

        def sink_of(rate_hz: int) -> SpeechSink:
            return SpeechSink(write, packer, Closed, functools.partial(failure_at, rate_hz=rate_hz))

        await shared.run_speech(call, audio_reader(context, _CONFIG), sink_of)

    def _openers(self, request: Any) -> list[TextOpener]:
        """What admits each text. Raises InvalidArgument, OutOfRange: a field is not valid. Names it."""
        refuse_others(request, _TEXT_FIELDS)
        if not request.texts:
            raise InvalidArgument("holds no text", field="texts")
        if len(request.texts) > MAX_TEXTS:
            raise OutOfRange(f"holds more than {MAX_TEXTS}", field="texts")
        languages = self._context.languages
        source = resolve(request.source_language, languages, "source_language")
        target = resolve(request.target_language, languages, "target_language")
        phrases = {each: key_of(each.source) for each in terms_of(request.dnt_phrases)}

        def opener(index: int, tagged: str) -> TextOpener:
            text, kept = untagged(tagged)
            rest = others(phrases, kept)
            names = {f"terms[{len(rest) + each}].": f"texts[{index}].dnt" for each in range(len(kept))}
            one = TranslateRequest(
                text,
                (TargetSettings(target.code, speech=False),),
                NO_SPEECH,
                source.code,
                terms=(*rest, *kept),
            )
            return functools.partial(self._open, one, names | _TEXT_PATHS | {"text": f"texts[{index}]"})

        return [opener(index, text) for index, text in enumerate(request.texts)]

    async def _open(self, request: TranslateRequest, names: Mapping[str, str]) -> CallHandler:
        with renamed(names):
            return await self._context.service.translate(request, caller())
