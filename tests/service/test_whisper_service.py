"""The real service on a Whisper with random weights: what it writes is noise, how it is served is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.service.float_streams import F32, clip, converse
from tests.session.harness import check_contract, of
from tests.whisper_checkpoints import whisper_folder
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.models.store.catalog import read_catalog
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    Echo,
    Inspect,
    LanguageDetected,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    Term,
    TextDelta,
    TranslateRequest,
    UtteranceDone,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    # its windows have three seconds
    async with Service.start(Settings(model=str(whisper_folder("tiny")), max_utterance_ms=3_000)) as running:
        yield running


def config(
    *targets: str, source: str | None = "es", speech: bool = False, simultaneous: bool = False
) -> StreamConfig:
    include = {Inspect.TOKENS} | ({Inspect.TRANSCRIPT} if source else set())
    settings = StreamSettings(
        tuple(TargetSettings(tag, speech=speech) for tag in targets),
        source_language=source,
        include=frozenset(include),
        simultaneous=SimultaneousSettings() if simultaneous else None,
    )
    return StreamConfig(F32, F32, settings)


@pytest.mark.parametrize("simultaneous", [False, True])
@pytest.mark.parametrize("source", ["es", None])
async def test_a_stream_has_texts_and_ends(service: Service, source: str | None, simultaneous: bool) -> None:
    asked = config("en", source=source, simultaneous=simultaneous)
    events = await converse(await service.open_session(asked, ANONYMOUS), clip("spa_1"))
    check_contract(events)
    assert of(events, UtteranceDone)
    assert of(events, TextDelta)


@pytest.mark.parametrize("simultaneous", [False, True])
async def test_the_language_is_found_out_and_the_transcript_is_in_it(
    service: Service, simultaneous: bool
) -> None:
    asked = config("en", source="auto", simultaneous=simultaneous)
    settings = replace(asked.settings, source_candidates=("es", "en"))
    asked = replace(asked, settings=settings)
    events = await converse(await service.open_session(asked, ANONYMOUS), clip("spa_1"))
    check_contract(events)
    heard = {each.language for each in of(events, LanguageDetected) if each.sure}
    assert heard
    assert heard <= {"spa", "eng"}
    transcripts = {each.language for each in of(events, TextDelta) if each.transcript}
    assert transcripts == heard


@pytest.mark.parametrize("simultaneous", [False, True])
async def test_nothing_is_left_out_for_a_guess(service: Service, simultaneous: bool) -> None:
    """English is the likeliest, and not probable: what may be French is translated."""
    asked = config("en", source="auto", simultaneous=simultaneous)
    settings = replace(asked.settings, source_candidates=("en", "fr"), echo=Echo.SILENT)
    events = await converse(
        await service.open_session(replace(asked, settings=settings), ANONYMOUS), clip("spa_1")
    )
    check_contract(events)
    (heard,) = of(events, LanguageDetected)
    assert (heard.language, heard.sure) == ("eng", False)
    assert {each.transcript for each in of(events, TextDelta)} == {True, False}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (config("en", speech=True), "config.settings.targets[0].speech"),
        (config("en", "fr"), "config.settings.targets[1].language"),
        (config("es", source=None), "config.settings.targets[0].language"),
    ],
    ids=["speech", "a language that is not spoken", "a language that nobody named"],
)
async def test_what_whisper_cannot_is_refused_by_name(
    service: Service, asked: StreamConfig, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await service.open_session(asked, ANONYMOUS)
    assert refused.value.field == field


async def test_who_asks_for_speech_is_told_that_there_is_no_voice(service: Service) -> None:
    """Doors give the field their own name, such as the telephone's ``target``: the words must do for all."""
    with pytest.raises(InvalidArgument) as refused:
        await service.open_session(config("en", speech=True), ANONYMOUS)
    assert refused.value.description == "needs a voice, and this model has none for eng"


async def test_an_utterance_longer_than_the_window_is_refused_by_the_setting() -> None:
    asked = Settings(model=str(whisper_folder("tiny")), max_utterance_ms=3_000, tail_padding_ms=200)
    with pytest.raises(InvalidArgument) as refused:
        async with Service.start(asked):
            pass
    assert refused.value.field == "max_utterance_ms"
    assert "with `tail_padding_ms` is 3200 ms" in refused.value.description


async def test_it_reads_no_text(service: Service) -> None:
    targets = (TargetSettings("en", speech=False),)
    call = TranslateRequest("Buenos días.", targets, F32, source_language="es")
    with pytest.raises(InvalidArgument) as refused:
        await service.translate(call, ANONYMOUS)
    assert refused.value.field == "text"


async def test_it_takes_no_terms_and_says_so_when_the_stream_opens(service: Service) -> None:
    asked = config("en")
    asked = replace(asked, settings=replace(asked.settings, terms=(Term("hola", "hello"),)))
    with pytest.raises(InvalidArgument) as refused:
        await service.open_session(asked, ANONYMOUS)
    assert refused.value.field == "config.settings.terms"
    assert "takes speech alone" in refused.value.description


async def test_the_catalog_knows_it_and_its_licence(tmp_path: Path) -> None:
    (tmp_path / "whisper").symlink_to(whisper_folder("tiny"))
    (entry,) = (each for each in read_catalog(tmp_path) if each.directory == "whisper")
    assert (entry.error, entry.license, entry.speech_languages) == ("", "apache-2.0", ())
    assert len(entry.text_languages) == 99


@pytest.mark.parametrize("wanted", [{"cascade_weight": 0.3}, {"transcript_retries": 2}])
async def test_an_operator_cannot_have_read_again_what_it_heard(wanted: dict[str, Any]) -> None:
    settings = Settings(model=str(whisper_folder("tiny")), max_utterance_ms=3_000, **wanted)
    with pytest.raises(InvalidArgument, match="translate texts, too") as refused:
        async with Service.start(settings):
            pass
    assert refused.value.field in wanted
