"""A copy of the repository, to which a recipe of the map is applied."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = Path(__file__).parent / "examples"
_COPIED = ("translate_svc", "protos", "tests")
_HALF_WRITTEN = shutil.ignore_patterns("*.pyc.*")
"""What other processes are compiling."""
_PATH = re.compile(r"`([\w./-]+)`")


class RepositoryCopy:
    """The code of the repository, which a test may edit. All else is a link to the original.

    A recipe of ``docs/architecture.md`` says which files to touch. An edit of a file that the recipe does not
    name fails, so the recipe is complete.
    """

    def __init__(self, folder: Path, recipe: str) -> None:
        """``recipe``: the first words of its paragraph, such as "A codec."."""
        self._folder = folder
        self._named = _paths_of(recipe)
        folder.mkdir()
        for path in ROOT.iterdir():
            if path.name in _COPIED:
                shutil.copytree(path, folder / path.name, ignore=_HALF_WRITTEN)
            elif not path.name.startswith("."):
                (folder / path.name).symlink_to(path)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replaces the one place of the file at ``path`` that reads ``old``."""
        inside = path.removeprefix("translate_svc/")
        assert {path, inside} & self._named, f"the recipe does not name {path}"
        file = self._folder / path
        text = file.read_text("utf-8")
        assert text.count(old) == 1, f"{path} has {text.count(old)} times {old!r}"
        file.write_text(text.replace(old, new), "utf-8")

    def append(self, path: str, line: str, new: str) -> None:
        """Adds ``new`` after ``line``, which is in the file at ``path`` once."""
        self.replace(path, line, line + new)

    def add(self, example: str, folder: str) -> None:
        """Puts a file of ``tests/recipes/examples`` into ``folder``."""
        assert not (self._folder / folder / example).exists()
        shutil.copy(EXAMPLES / example, self._folder / folder / example)

    def run(self, *arguments: str) -> None:
        """Runs Python on the copy; it must end well."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=inherited | {"PYTHONPATH": str(self._folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def test(self, *arguments: str) -> None:
        """Runs tests of the copy; all must pass, and there must be some."""
        self.run("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *arguments)


MakeCopy = Callable[[str], RepositoryCopy]
"""Makes the copy for a recipe."""


def _paths_of(recipe: str) -> set[str]:
    """What the paragraph of the map that begins with ``recipe`` has between backticks."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert page.count(f"\n**{recipe}**") == 1, f"the map has no recipe {recipe!r}"
    paragraph = page.partition(f"\n**{recipe}**")[2]
    return set(_PATH.findall(re.split(r"\n\n\*\*|\n## ", paragraph)[0]))
