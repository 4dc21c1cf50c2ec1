"""Valid settings, refusals by field, and settings that change on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
    clip,
    collect,
    config,
    converse,
    house,
    of,
    silence,
    speech,
    texts,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.errors import InvalidArgument, OutOfRange, TranslateSvcError
from translate_svc.languages import Language, LanguageTable, packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.types import (
    EndInput,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    SpeechEnded,
    StreamSettings,
    TargetSettings,
    Updated,
    UpdateInput,
    VadSettings,
)
from translate_svc.vad.options import VadOptions

NEGOTIATOR = Negotiator(
    LanguageTable([*packaged(), Language("xxa", "xxa", "only written", speech_in=False)]),
    max_targets=4,
    vad=VadOptions(max_utterance_ms=20_000),
)
ES = TargetSettings("es")
TRANSCRIPT = frozenset({Inspect.TRANSCRIPT})


def _settings(*targets: TargetSettings, **more: object) -> StreamSettings:
    return StreamSettings(targets, **more)  # type: ignore[arg-type]


def _manual(vad: VadSettings) -> StreamSettings:
    return StreamSettings((ES,), segmentation=Segmentation.MANUAL, vad=vad)


@pytest.mark.parametrize(
    ("settings", "error", "field"),
    [
        (_settings(), InvalidArgument, "targets"),
        (_settings(ES, TargetSettings("")), InvalidArgument, "targets[1].language"),
        (_settings(TargetSettings("zz")), InvalidArgument, "targets[0].language"),
        (_settings(ES, TargetSettings("spa")), InvalidArgument, "targets[1].language"),
        (_settings(TargetSettings("ast", speech=False)), InvalidArgument, "targets[0].language"),
        (_settings(ES, TargetSettings("el")), InvalidArgument, "targets[1].speech"),
        (_settings(TargetSettings("es", text=False, speech=False)), InvalidArgument, "targets[0].text"),
        (_settings(TargetSettings("es", speaker_id=0)), InvalidArgument, "targets[0].speaker_id"),
        (_settings(*(TargetSettings(t) for t in ("es", "fr", "de", "it", "pt"))), OutOfRange, "targets"),
        (_settings(ES, include=TRANSCRIPT), InvalidArgument, "source_language"),
        (_settings(ES, include=TRANSCRIPT, source_language=""), InvalidArgument, "source_language"),
        (_settings(ES, source_language="qq"), InvalidArgument, "source_language"),
        (_settings(ES, source_language="xxa"), InvalidArgument, "source_language"),
        (_settings(ES, include=TRANSCRIPT, source_language="ast"), InvalidArgument, "source_language"),
        (
            _settings(TargetSettings("es", speech=False, speaker_id=45)),
            InvalidArgument,
            "targets[0].speaker_id",
        ),
        (
            _settings(ES, segmentation=Segmentation.HINDSIGHT, simultaneous=SimultaneousSettings()),
            InvalidArgument,
            "segmentation",
        ),
    ],
)
def test_the_impossible_is_refused_by_its_field(
    settings: StreamSettings, error: type[TranslateSvcError], field: str
) -> None:
    with pytest.raises(error) as caught:
        NEGOTIATOR.negotiate_settings(settings, "config.settings")
    assert caught.value.field == f"config.settings.{field}"


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_what_can_be_had_reaches_the_engine(factor: float) -> None:
    settled = NEGOTIATOR.negotiate_settings(
        _settings(
            TargetSettings("id", speaker_id=24, duration_factor=factor),
            TargetSettings("el", speech=False),
            include=TRANSCRIPT,
            source_language="en-GB",
        ),
        "config.settings",
    )
    specs = [plan.spec for plan in settled.sequences]
    assert [(spec.language, spec.speech, spec.speaker_id) for spec in specs] == [
        ("ind", True, 24),
        ("ell", False, 0),
        ("eng", False, 0),
    ]
    assert specs[0].duration_factor == factor
    assert settled.settings.targets[1].speaker_id is None
    assert NEGOTIATOR.negotiate_settings(settled.settings, "config.settings") == settled, (
        "settling twice changes nothing"
    )


def test_manual_segmentation_tells_what_of_the_vad_still_counts() -> None:
    asked = _manual(VadSettings(threshold=0.4, max_utterance_ms=9_000))
    settled = NEGOTIATOR.negotiate_settings(asked, "config.settings")
    assert settled.settings.vad == VadSettings(threshold=0.4, max_utterance_ms=9_000)
    assert (settled.vad.threshold, settled.vad.max_utterance_ms) == (0.4, 9_000)
    assert NEGOTIATOR.negotiate_settings(settled.settings, "") == settled, (
        "what opened told may be sent as an update"
    )


def test_an_update_holds_from_the_next_utterance_on() -> None:
    """Sent in the middle of the second utterance: the utterance keeps the settings that it began with."""
    update = UpdateInput(
        _settings(
            TargetSettings("fr", text=False), TargetSettings("de"), vad=VadSettings(min_silence_ms=2_000)
        )
    )

    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            events = await converse(
                session,
                [
                    *chunks(utterances(1)),
                    *chunks(speech(0.5)),
                    update,
                    *chunks(clip(speech(0.5), silence(1))),
                    *chunks(clip(speech(1), silence(1.5), speech(1), silence(3))),
                ],
            )
        check_contract(events)
        assert of(events, Updated) == [Updated(2)]
        assert {key[1] for key in texts(events) if key[0] < 2} == {"spa"}
        assert {key for key in texts(events) if key[0] >= 2} == {(2, "deu")}
        ends = of(events, SpeechEnded)
        assert len(ends) == 3, "the new pause of 2 s holds too"
        assert ends[2].source.end - ends[2].source.start > 3 * RATE_HZ

    with virtual_time() as runner:
        runner.run(scenario())


def test_every_update_is_answered_in_order() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            updates = [UpdateInput(_settings(TargetSettings(tag))) for tag in ("fr", "de", "it")]
            events = await converse(
                session, [updates[0], *chunks(utterances(1)), *updates[1:], *chunks(utterances(1))]
            )
        check_contract(events)
        assert of(events, Updated) == [Updated(0), Updated(1), Updated(1)]
        assert set(texts(events)) == {(0, "fra"), (1, "ita")}

    with virtual_time() as runner:
        runner.run(scenario())


def test_updates_cannot_pile_up_behind_an_utterance_that_never_ends() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))

            async def flood() -> None:
                for chunk in chunks(speech(10), 160):
                    await session.receive(chunk)
                    await session.receive(UpdateInput(_settings(ES)))

            with pytest.raises(OutOfRange) as caught:
                await flood()
            assert caught.value.field == "update"
            with pytest.raises(OutOfRange):
                await reader

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_refused_update_changes_nothing() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            with pytest.raises(InvalidArgument) as caught:
                await session.receive(UpdateInput(_settings(TargetSettings("zz"))))
            assert caught.value.field == "update.settings.targets[0].language"
            for message in chunks(utterances(1)):
                await session.receive(message)
            await session.receive(EndInput(2 * RATE_HZ))
            events = await reader
        check_contract(events)
        assert of(events, Updated) == []
        assert set(texts(events)) == {(0, "spa")}

    with virtual_time() as runner:
        runner.run(scenario())


@pytest.mark.parametrize(
    ("settings", "limit_ms", "longest_ms"),
    [
        (_settings(ES), 20_000, 7_000),
        (_settings(ES), 5_000, 5_000),
        (_settings(ES, vad=VadSettings(max_utterance_ms=12_000)), 20_000, 12_000),
        (_settings(ES, segmentation=Segmentation.HINDSIGHT), 20_000, 20_000),
        (_manual(VadSettings()), 20_000, 20_000),
        (_settings(ES, simultaneous=SimultaneousSettings()), 20_000, 20_000),
    ],
)
def test_live_utterances_are_usually_as_long_as_the_model_handles_well(
    settings: StreamSettings, limit_ms: int, longest_ms: int
) -> None:
    negotiator = replace(NEGOTIATOR, vad=VadOptions(max_utterance_ms=limit_ms), usual_max_utterance_ms=7_000)
    settled = negotiator.negotiate_settings(settings, "")
    assert settled.settings.vad.max_utterance_ms == settled.vad.max_utterance_ms == longest_ms
