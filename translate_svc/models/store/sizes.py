"""Sizes of files, for people."""

from __future__ import annotations

_GB, _MB = 1e9, 1e6
_LEAST_OF_A_GB = 0.1


def size_text(size: int) -> str:
    """``size`` bytes in decimal units, such as "9.03 GB" or "18.9 MB"."""
    return f"{size / _GB:.2f} GB" if size >= _LEAST_OF_A_GB * _GB else f"{size / _MB:.1f} MB"
