"""Typed texts that come back wrong are marked, by the shipped calibration."""

from __future__ import annotations

import pytest

from benchmarks.quality.typed import EVERYDAY, figures_of, phrasebook
from translate_svc.cli.calibration.typed_texts import read_typed, translate_typed
from translate_svc.config import Settings
from translate_svc.service import Service

pytestmark = [pytest.mark.quality, pytest.mark.timeout(300)]


@pytest.mark.asyncio
async def test_wrong_texts_are_marked_and_right_ones_are_not() -> None:
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
