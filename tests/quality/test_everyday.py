"""Everyday sentences that come back wrong are marked, by the shipped calibration."""

from __future__ import annotations

import pytest

from benchmarks.quality.everyday import EVERYDAY, figures_of, phrasebook, translate_spoken
from training.starter.synthesis import synth
from translate_svc.cli.calibration.typed_texts import read_typed, translate_typed
from translate_svc.config import Settings
from translate_svc.service import Service

pytestmark = [pytest.mark.quality, pytest.mark.timeout(300)]


@pytest.mark.asyncio
async def test_typed_texts_that_are_wrong_are_marked_and_right_ones_are_not() -> None:
    everyday = read_typed(EVERYDAY)
    assert len(everyday) == 200
    chosen = [each for index, each in enumerate(everyday) if index % 3 == 0]  # the medicine is the first
    assert chosen[0].text == "Do not take this medicine with alcohol."
    async with Service.start(Settings(model="starter", measure_capacity=False)) as service:
        translations = await translate_typed(service, chosen)
        known = figures_of(await translate_typed(service, phrasebook(12)))
    assert translations[0].right or translations[0].flagged
    found = figures_of(translations)
    assert found.wrong >= 40
    assert found.wrong_marked >= 0.9 * found.wrong
    assert known.right >= 100
    assert known.right_marked <= 0.08 * known.right


@pytest.mark.asyncio
@pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")
async def test_spoken_sentences_that_are_wrong_are_empty_or_marked() -> None:
    everyday = read_typed(EVERYDAY)[::3]
    async with Service.start(Settings(model="starter", measure_capacity=False)) as service:
        found = figures_of(await translate_spoken(service, everyday, transcript=False))
        known = figures_of(await translate_spoken(service, phrasebook(8), transcript=False))
    assert found.wrong >= 40
    assert found.wrong_marked >= 0.8 * found.wrong
    assert known.right >= 70
    assert known.right_marked <= 0.12 * known.right
