"""Programs of the pages run as they stand in an empty folder, and print what the page says they print."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.docs.docs_examples import ADDRESS, HTTP_ADDRESS, PAGES, ROOT, examples, run, serving

EXAMPLES = [
    pytest.param(code, printed, id=f"{page}-{number}")
    for page in PAGES
    for number, (code, printed) in enumerate(examples(page))
]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def addresses() -> AsyncIterator[dict[str, str]]:
    async with serving() as targets:
        yield targets


def test_the_pages_have_examples() -> None:
    assert len(EXAMPLES) >= 6


def test_no_program_of_a_page_reads_what_only_a_checkout_has() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "integrations").glob("*/README.md")]
    programs = [(page, code) for page in pages for code, _ in examples(str(page.relative_to(ROOT)))]
    assert len(programs) > len(EXAMPLES)
    assert [page for page, code in programs if "tests/" in code] == []


def test_no_page_has_the_marks_of_a_merge() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    marks = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)
    assert [page for page in pages if marks.search(page.read_text("utf-8"))] == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("code", "printed"), EXAMPLES)
async def test_an_example_prints_what_the_page_says(
    addresses: dict[str, str], code: str, printed: str | None
) -> None:
    assert ADDRESS in code or HTTP_ADDRESS in code
    out = await run(code, addresses)
    if printed is not None:
        assert out == printed, "`python -m tests.docs.docs_examples` writes what it prints"
    else:
        assert out
