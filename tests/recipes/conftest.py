"""For the tests of recipes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recipes.repository_copy import MakeCopy, RepositoryCopy


@pytest.fixture
def copy_for(tmp_path: Path) -> Iterator[MakeCopy]:
    """Copies the repository for a recipe; removes the copy afterwards."""
    folder = tmp_path / "copy"
    yield lambda recipe: RepositoryCopy(folder, recipe)
    shutil.rmtree(folder)
