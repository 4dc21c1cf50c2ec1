"""The methods of ``nvidia.riva.nmt.RivaTranslation``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from riva.client.proto import riva_nmt_pb2 as nmt

from translate_svc.errors import InvalidArgument, OutOfRange, Unsupported
from translate_svc.rpc.authentication import caller, may_stay
from translate_svc.rpc.event_writer import Context
from translate_svc.rpc.riva.context import RivaContext
from translate_svc.rpc.riva.fields import refuse_others, renamed
from translate_svc.rpc.riva.languages import resolve
from translate_svc.rpc.riva.terms import terms_of, untagged
from translate_svc.rpc.riva.text_batch import TextBatch
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.protocols import CallHandler
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    TargetSettings,
    TranslateRequest,
    UtteranceDone,
)

MAX_TEXTS = 128
"""Of one call; Riva's own servers take 8."""
_NO_SPEECH = AudioFormat(DEFAULT_ENCODING, 16_000)
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
            batch = TextBatch(self._openers(request))
        await calls.run(CallDriver(batch, batch, self._context.options, last=UtteranceDone), may_stay())
        translations = [nmt.Translation(text=text, language=request.target_language) for text in batch.texts]
        return nmt.TranslateTextResponse(translations=translations, id=_id(request))

    async def ListSupportedLanguagePairs(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Lists what is translated into what: texts by our model, and speech by Riva's two pipelines."""
        del request, context
        languages = self._context.languages
        texts = [each.bcp47 for each in languages if each.text]
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
            languages={name: kind(src_lang=into[0], tgt_lang=into[1]) for name, into in pairs.items()}
        )

    async def StreamingTranslateSpeechToText(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Refuses: not served yet."""
        raise Unsupported("speech is not served here yet")

    async def StreamingTranslateSpeechToSpeech(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Refuses: not served yet."""
        raise Unsupported("speech is not served here yet")

    def _openers(self, request: Any) -> list[Callable[[], CallHandler]]:
        """What admits each text. Raises InvalidArgument, OutOfRange: a field is not valid. Names it."""
        refuse_others(request, _TEXT_FIELDS)
        if not request.texts:
            raise InvalidArgument("holds no text", field="texts")
        if len(request.texts) > MAX_TEXTS:
            raise OutOfRange(f"holds more than {MAX_TEXTS}", field="texts")
        languages = self._context.languages
        source = resolve(request.source_language, languages, "source_language")
        target = resolve(request.target_language, languages, "target_language")
        terms = terms_of(request.dnt_phrases)

        def opener(index: int, tagged: str) -> Callable[[], CallHandler]:
            text, kept = untagged(tagged)
            one = TranslateRequest(
                text,
                (TargetSettings(target.code, speech=False),),
                _NO_SPEECH,
                source.code,
                terms=tuple({term.source: term for term in (*terms, *kept)}.values()),
            )
            return functools.partial(self._open, one, index)

        return [opener(index, text) for index, text in enumerate(request.texts)]

    def _open(self, request: TranslateRequest, index: int) -> CallHandler:
        with renamed(_TEXT_PATHS | {"text": f"texts[{index}]"}):
            return self._context.service.translate(request, caller())


def _id(request: Any) -> Any:
    """What names the call for its client, in each answer; None: nothing."""
    return request.id if request.HasField("id") else None
