"""Hooks of mkdocs: pages from outside ``docs/``, and references that are made from the code at each build."""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs_site.code_references import command_line, python_client, settings
from docs_site.proto_reference import described_file, reference
from docs_site.repository_links import PAGES, ROOT, moved


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that do not lie in ``docs/``."""
    made = {place: moved((ROOT / file).read_text("utf-8"), file) for file, place in PAGES.items()}
    made |= {
        "reference/contract.md": reference(described_file()),
        "reference/python.md": python_client(),
        "reference/command.md": command_line(),
        "reference/settings.md": settings(),
    }
    for place, content in made.items():
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Moves the links of a page of ``docs/``; the generated ones have theirs."""
    del config, files
    generated = page.file.generated_by is not None
    return markdown if generated else moved(markdown, f"docs/{page.file.src_uri}")
