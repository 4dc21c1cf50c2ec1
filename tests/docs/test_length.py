"""A page has at most 1,500 words, but for the contract and the map. A folder has few of them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MAX_WORDS = 1500
MAX_FILES = 15
LONGER = {DOCS / "contract.md", DOCS / "architecture.md"}
"""What a reader searches rather than reads."""
RECORDS = {"adr", "lab"}
"""Folders of dated records, one for each decision or measurement."""
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if page not in LONGER and page.relative_to(DOCS).parts[0] not in RECORDS
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_is_short(page: Path) -> None:
    words = len(page.read_text("utf-8").split())
    assert words <= MAX_WORDS, "split it by its nouns; what was tried goes to docs/lab/"


def test_a_folder_has_few_pages() -> None:
    folders = {page.parent for page in PAGES}
    assert DOCS in folders
    crowded = [folder for folder in folders if len(list(folder.glob("*.md"))) > MAX_FILES]
    assert crowded == []
