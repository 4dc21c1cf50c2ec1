"""Debian's Chromium without a window, and what the tests want to know of a page in it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.interop.npm import install

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

TIMEOUT_MS = 90_000.0
"""For whatever is waited for: a busy machine takes its time."""
expect.set_options(timeout=TIMEOUT_MS)

AXE = Path(__file__).parent / "axe"

_LISTEN = """
// the loudest sample of each node that is connected to the loudspeaker, in the order of their connection
const connect = AudioNode.prototype.connect;
window.heardPeaks = [];
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) {
    const analyser = new AnalyserNode(this.context, { fftSize: 32768 });
    const samples = new Float32Array(analyser.fftSize);
    const index = window.heardPeaks.push(0) - 1;
    connect.call(this, analyser);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      window.heardPeaks[index] = samples.reduce((a, b) => Math.max(a, Math.abs(b)), window.heardPeaks[index]);
    }, 200);
  }
  return connect.call(this, to, ...rest);
};
"""


class Visit:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(f"{kind}: {text}")

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    async def finished(self) -> None:
        """Waits until a session has ended and everything of it is on the page."""
        await expect(self.at("#speak")).to_be_visible()

    async def heard_peak(self) -> float:
        """The loudest sample of translated speech that was played."""
        peak: float = await self.page.evaluate("window.heardPeaks[0] ?? 0")
        return peak

    async def download(self, label: str) -> bytes:
        """What the button with this label saves."""
        async with self.page.expect_download() as saved:
            await self.page.get_by_role("button", name=label, exact=True).click()
        path = Path(await (await saved.value).path())
        return await asyncio.to_thread(path.read_bytes)

    async def violations(self) -> list[str]:
        """What axe-core finds in the page as it is now, beyond trifles."""
        found: list[dict[str, Any]] = await self.page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]


@asynccontextmanager
async def started(microphone: Path | None = None) -> AsyncIterator[Browser]:
    """A browser. ``microphone``: a WAV file that it hears, once."""
    flags = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    if microphone is not None:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=TIMEOUT_MS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(
    url: str,
    *,
    browser: Browser | None = None,
    microphone: Path | None = None,
    axe: bool = False,
    **options: Any,
) -> AsyncIterator[Visit]:
    """The page at ``url``, as a person sees it who was never there.

    ``browser`` is shared with other visits; None: it is this visit's own, with ``microphone``. ``options``
    are those of Playwright's ``new_context``.
    """
    async with AsyncExitStack() as stack:
        used: Browser = await stack.enter_async_context(started(microphone)) if browser is None else browser
        context = await used.new_context(locale="en", **options)
        await context.add_init_script(_LISTEN)
        if axe:
            install(AXE)
            await context.add_init_script(path=AXE / "node_modules" / "axe-core" / "axe.min.js")
        page = await context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        seen = Visit(page)
        await page.goto(url)
        yield seen
        await context.close()
