"""docs/start/dependencies.md says of each package that pyproject.toml asks for what it is for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


PAGE = (ROOT / "docs" / "start" / "dependencies.md").read_text(encoding="utf-8").lower()


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert found is not None, requirement
    return found[0].lower()


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_each_package_is_explained(extra: str) -> None:
    assert not extra or f"extra `{extra}`" in PAGE
    requirements = EXTRAS[extra] if extra else PROJECT["dependencies"]
    names = {_name(each) for each in requirements} - {PROJECT["name"]}
    # "pytest with asyncio" explains pytest-asyncio
    assert {name for name in names if not all(part in PAGE for part in re.split("[-_]", name))} == set()
