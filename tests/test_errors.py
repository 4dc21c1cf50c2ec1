"""The tree of exceptions that ``errors`` shows at its top is the one that its classes make."""

from __future__ import annotations

import inspect
import re

from translate_svc import errors


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    parents: list[str] = []
    documented: dict[str, str] = {}
    for indent, name in re.findall(r"^( *)\* ``(\w+)``", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 2
        parents[depth:] = [name]
        documented[name] = parents[depth - 1] if depth else "Exception"
    classes = inspect.getmembers(errors, inspect.isclass)
    assert documented == {name: kind.mro()[1].__name__ for name, kind in classes}
