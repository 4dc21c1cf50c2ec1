"""Moves pages of the repository into the site: links between them stay, links to other files become text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PAGES: Mapping[str, str] = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "model_cache/starter/README.md": "starter.md",
    "training/starter/grammar/data/README.md": "grammar.md",
}
"""Pages that lie outside ``docs/``, and where they are in the site."""

REFERENCES: Mapping[str, str] = {"protos/translate_svc/v1/speech_translation.proto": "reference/contract.md"}
"""Files that have a page which is made of them."""

_LINK = re.compile(r"(?<!\!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_PICTURE = re.compile(r"(?P<head>!\[[^\]]*\]\()(?P<target>[^)\s]+)\)")


def site_path(file: str) -> str | None:
    """Where a file of the repository is in the site; None if it is not in it."""
    if found := PAGES.get(file) or REFERENCES.get(file):
        return found
    inside = file.removeprefix("docs/")
    is_shown = file.endswith((".md", ".png", ".svg")) and (ROOT / file).is_file()
    return inside if file != inside and is_shown else None


def moved(text: str, file: str) -> str:
    """The page ``file`` of the repository with the links that it has in the site.

    Raises:
        ValueError: it links to a file that does not exist.
    """
    own = site_path(file)
    assert own is not None

    def resolved(target: str) -> str | None:
        """The target in the site; None if it is a file that the site does not have."""
        path, mark, anchor = target.partition("#")
        named = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        if not (ROOT / named).exists():
            raise ValueError(f"{file} links to {target}, which does not exist")
        place = site_path(named)
        if place is None:
            return None
        return posixpath.relpath(place, posixpath.dirname(own) or ".") + mark + anchor

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        place = resolved(target)
        if place is None:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target.partition("#")[0]))
            return found["text"] if found["text"].strip("`") in path else f"{found['text']} (`{path}`)"
        text = found["text"]
        if text == target.partition("#")[0]:
            text = _title(target.partition("#")[0], file)
        return f"[{text}]({place})"

    def picture(found: re.Match[str]) -> str:
        place = None if re.match("[a-z]+:", found["target"]) else resolved(found["target"])
        return found[0] if place is None else f"{found['head']}{place})"

    # a link's text may be code, so links are looked for in the prose around blocks alone
    blocks = re.split(r"(^ *```.*?^ *```)", text, flags=re.DOTALL | re.MULTILINE)
    blocks[::2] = [_PICTURE.sub(picture, _LINK.sub(link, block)) for block in blocks[::2]]
    return "".join(blocks)


def _title(target: str, file: str) -> str:
    """The heading of the page that ``file`` links to by its path; the path itself if it has none."""
    path = ROOT / posixpath.dirname(file) / target
    found = re.search(r"^# (.+)$", path.read_text("utf-8"), re.MULTILINE) if path.suffix == ".md" else None
    return found[1] if found else target
