"""A recipe that lacks a file, or that leads nowhere, is found out."""

from __future__ import annotations

import pytest

from tests.recipes.repository_copy import MakeCopy


def test_an_incomplete_recipe_fails(copy_for: MakeCopy) -> None:
    copy = copy_for("A command.")
    copy.append(
        "translate_svc/cli/main.py", "from __future__ import annotations\n", "import no_such_module\n"
    )
    with pytest.raises(AssertionError, match="the recipe does not name"):
        copy.replace("translate_svc/types.py", "from __future__", "from __past__")
    with pytest.raises(AssertionError, match="no_such_module"):
        copy.run("-m", "translate_svc", "--help")


def test_a_recipe_that_the_map_lost_fails(copy_for: MakeCopy) -> None:
    copy_for("A codec.")
    with pytest.raises(AssertionError, match="the map has no recipe"):
        copy_for("A teapot.")
