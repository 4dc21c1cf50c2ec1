"""Where models and sample clips are: inside an installed package, in a checkout, in the user's cache."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_DATA = _PACKAGE / "data"


def checkout() -> Path | None:
    """The root of the checkout that this package runs from; None if it is installed."""
    root = _PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "model_cache").is_dir() else None


def model_cache() -> Path:
    """Where ``pull`` puts models by default: ``model_cache/`` of a checkout, else the user's cache."""
    root = checkout()
    if root is not None:
        return root / "model_cache"
    # imported here, because a checkout does not need it
    import platformdirs

    return platformdirs.user_cache_path("translate-svc") / "models"


def bundled_models() -> Path:
    """The directory of the models that come with the package. It may be missing."""
    root = checkout()
    return _DATA / "models" if root is None else root / "model_cache"


def demo_clips() -> Path:
    """The directory of the demo's clips and their ``clips.json``."""
    root = checkout()
    return _DATA / "demo" if root is None else root / "tests" / "data"
