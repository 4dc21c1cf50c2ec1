"""What is said last stays in view while it grows, unless the person reads something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import expect

from tests.clips import DATA
from tests.gateway.page.browser import Visit, needs_chromium, visit
from translate_svc.gateway.server import GatewayServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400), needs_chromium]

ROWS = "#captions > li"
LAST_IS_VISIBLE = """() => {
  const last = document.querySelector("#captions > li:last-child").getBoundingClientRect();
  const bar = document.querySelector(".actions");
  const end = getComputedStyle(bar).position === "fixed" ? bar.getBoundingClientRect().top : innerHeight;
  return last.bottom <= end + 1 && last.bottom > 0;
}"""


def recording(path: Path) -> Path:
    """Five utterances."""
    samples, rate_hz = soundfile.read(DATA / "eng_1.flac", dtype="float32")
    soundfile.write(path, np.tile(np.concatenate([samples, np.zeros(rate_hz)]), 5), rate_hz, subtype="PCM_16")
    return path


async def play(page: Visit, path: Path) -> None:
    await page.at("#file").set_input_files(path)
    await page.at("#hurry").click()


@pytest.mark.parametrize(
    ("width", "height"),
    [pytest.param(390, 700, id="phone"), pytest.param(1200, 700, marks=pytest.mark.slow, id="desk")],
)
async def test_the_last_words_stay_in_view(
    starter: GatewayServer, tmp_path: Path, width: int, height: int
) -> None:
    path = recording(tmp_path / "said.wav")
    async with visit(starter.target, viewport={"width": width, "height": height}) as page:
        await expect(page.at("#speak")).to_be_enabled()
        await play(page, path)
        await expect(page.at(ROWS)).to_have_count(5)
        await page.finished()
        await page.page.wait_for_function(LAST_IS_VISIBLE)

        await page.page.evaluate("scrollTo(0, 0)")
        await play(page, path)
        await expect(page.at(ROWS)).not_to_have_count(5)  # of a session that has begun one looks at the end
        await page.page.wait_for_function(LAST_IS_VISIBLE)
        await page.page.evaluate("scrollTo(0, 0)")  # who reads elsewhere is left there
        await page.finished()
        assert await page.at(ROWS).count() == 10
        assert await page.page.evaluate("scrollY") == 0
        assert not page.problems
