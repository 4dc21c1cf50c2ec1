"""Pages that move into the site keep their links; a target outside the site is named."""

from __future__ import annotations

from dataclasses import fields

import pytest

from docs_site.code_references import command_line, python_client, settings
from docs_site.repository_links import PAGES, ROOT, moved
from translate_svc import client
from translate_svc.config import Settings


@pytest.mark.parametrize(
    ("text", "file", "shown"),
    [
        ("[docs](docs/contract.md#ends)", "README.md", "[docs](contract.md#ends)"),
        ("[docs/page.md](docs/page.md)", "README.md", "[The page](page.md)"),
        ("[us](../README.md)", "docs/page.md", "[us](index.md)"),
        ("[x](../README.md)", "docs/adr/README.md", None),
        ("[x](../architecture.md)", "docs/adr/README.md", "[x](../architecture.md)"),
        ("[card](model_cache/starter/README.md)", "README.md", "[card](starter.md)"),
        (
            "[proto](../protos/translate_svc/v1/speech_translation.proto)",
            "docs/contract.md",
            "[proto](reference/contract.md)",
        ),
        ("see [Node](examples/node).", "README.md", "see Node (`examples/node`)."),
        ("![a](docs/images/page.png)", "README.md", "![a](images/page.png)"),
        ("[a](https://a.example/b) [b](#c)", "README.md", "[a](https://a.example/b) [b](#c)"),
        ("```md\n[a](absent.md)\n```\n", "README.md", "```md\n[a](absent.md)\n```\n"),
        ("[a](absent.md)", "README.md", None),
    ],
)
def test_links_are_moved(text: str, file: str, shown: str | None) -> None:
    if shown is None:
        with pytest.raises(ValueError, match="which does not exist"):
            moved(text, file)
    else:
        assert moved(text, file) == shown


OURS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("file", [*PAGES, *OURS])
def test_no_page_links_to_a_file_that_does_not_exist(file: str) -> None:
    assert moved((ROOT / file).read_text("utf-8"), file)


def test_the_references_hold_every_setting_command_and_name() -> None:
    page = settings()
    assert all(f"| `{field.name}` |" in page for field in fields(Settings))
    commands = command_line()
    for name in ("serve", "translate", "models", "models verify", "keys new", "demo"):
        assert f"## translate-svc {name}\n" in commands
    assert "| `-o, --output SOUND\\|FILM\\|TEXTS` |" in commands
    assert "```console\n$ translate-svc translate film.mkv" in commands
    assert "\b" not in commands
    python = python_client()
    assert all(f"::: translate_svc.client.{name}\n" in python for name in client.__all__)
