"""The example of docs/inspection.md is what the starter gives today."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
import soundfile

from tests.docs.docs_examples import ADDRESS, ROOT, serving
from translate_svc.client import AsyncClient
from translate_svc.types import SpeechChunk, TextDelta

_PAGE = (ROOT / "docs" / "inspection.md").read_text("utf-8")
_TOKEN = re.compile(r"^ (?P<text> ?\S+) +(?P<log_probability>-0\.\d{4}) +(?P<source_ms>\d+|-)$", re.MULTILINE)
_CLIP = ROOT / "tests" / "data" / "demo_eng.flac"
_UTTERANCE = 1


def _numbers(pattern: str) -> list[int]:
    found = re.search(pattern, _PAGE)
    assert found is not None
    return [int(each) for each in found[1].split()]


async def test_the_tokens_and_units_of_the_page_are_those_of_the_starter() -> None:
    samples, rate_hz = soundfile.read(_CLIP, dtype="int16")
    include = ["transcript", "tokens", "units", "timings"]
    async with (
        serving() as addresses,
        AsyncClient(addresses[ADDRESS]) as client,
        client.stream(source="en", targets=["es"], sample_rate_hz=rate_hz, include=include) as stream,
    ):
        await stream.send(samples.tobytes())
        await stream.end()
        events = [event async for event in stream]
    deltas = [each for each in events if isinstance(each, TextDelta) and not each.transcript]
    told = [
        (token.text, token.log_probability, delta.source.start * 1000 / rate_hz, token.source_ms)
        for delta in deltas
        if delta.utterance_id == _UTTERANCE
        for token in delta.tokens
    ]
    shown = [each.groupdict() for each in _TOKEN.finditer(_PAGE)]
    assert [text for text, *_ in told] == [each["text"] for each in shown]
    for (_, log_probability, _, _), each in zip(told, shown, strict=True):
        assert log_probability == pytest.approx(float(each["log_probability"]), rel=0.1, abs=2e-4)
    places = ["-" if source_ms is None else f"{start_ms + source_ms:.0f}" for *_, start_ms, source_ms in told]
    assert _differing(places, [each["source_ms"] for each in shown]) <= 1
    chunks = [each for each in events if isinstance(each, SpeechChunk) and each.utterance_id == _UTTERANCE]
    durations = [each for chunk in chunks for each in chunk.character_durations]
    units = [unit for chunk in chunks for unit in chunk.units]
    shown_durations = _numbers(r"character_durations +([\d ]+)\n")
    assert _differing(durations, shown_durations) <= 2
    (count,) = _numbers(r"There are (\d+) of them")
    assert count == sum(shown_durations) == pytest.approx(len(units), abs=2)
    first = _numbers(r"here `([\d ]+) \.\.\.`")
    assert _differing(units[: len(first)], first) <= 2


def _differing(told: Sequence[object], shown: Sequence[object]) -> int:
    """In how many places the page says otherwise. Another processor rounds otherwise, here and there."""
    return sum(each != other for each, other in zip(told, shown, strict=True))
