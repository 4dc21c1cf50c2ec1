"""Texts of a file go to a translator together, and its first refusal is what the caller hears of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from translate_svc.cli.media.text_files import Passage, TextFile
from translate_svc.cli.media.text_translation import translate_texts
from translate_svc.errors import OutOfRange
from translate_svc.subtitles.cues import Cue
from translate_svc.types import Closed, SessionEvent, StreamSettings, TargetSettings, TranslateRequest


class _Refusing:
    async def translate(self, request: TranslateRequest) -> AsyncIterator[SessionEvent]:
        if request.source:
            raise OutOfRange("has more than 3 characters", field="text")
        yield Closed(complete=True)


def test_a_refused_text_is_an_error_of_its_own() -> None:
    text = TextFile(tuple(Passage((Cue(0, 0, (word,)),)) for word in ("Good", "morning")))
    settings = StreamSettings((TargetSettings("spa"),), "eng")
    with pytest.raises(OutOfRange, match="more than 3"):
        asyncio.run(translate_texts(text, settings, _Refusing(), [], 0))  # type: ignore[arg-type]
