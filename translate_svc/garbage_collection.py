"""Pauses Python's cyclic garbage collector where it only costs time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """No collection in the block, in any thread.

    For imports and for loading a model: they make some 500,000 objects, all of which stay. The collector
    would look at them again and again, for a fifth of the time that a start takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def keep_all() -> None:
    """Takes what there is out of every later collection, and lets the collector run again.

    For a server that is ready. A collection over the objects of the libraries would stop every stream for
    0.2 s.
    """
    gc.freeze()
    gc.enable()
