"""Where models and clips are, in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from translate_svc import locations

ROOT = Path(__file__).resolve().parent.parent


def test_a_checkout_uses_its_own_folders() -> None:
    assert locations.checkout() == ROOT
    assert locations.model_cache() == locations.bundled_models() == ROOT / "model_cache"
    assert locations.demo_clips() == ROOT / "tests" / "data"


def test_an_installed_package_uses_its_data_and_the_user_s_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "translate_svc"
    monkeypatch.setattr(locations, "_PACKAGE", package)
    monkeypatch.setattr(locations, "_DATA", package / "data")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert locations.checkout() is None
    assert locations.model_cache() == tmp_path / "cache" / "translate-svc" / "models"
    assert locations.bundled_models() == package / "data" / "models"
    assert locations.demo_clips() == package / "data" / "demo"
