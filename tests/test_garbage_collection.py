"""Python's garbage collector does not run while a server starts, and runs once it is ready."""

from __future__ import annotations

import gc

import pytest

from translate_svc.garbage_collection import collection_paused, keep_all


def test_the_collector_runs_again_behind_the_block_and_after_an_error() -> None:
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), collection_paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_a_block_inside_another_pause_does_not_end_it() -> None:
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_a_ready_server_has_is_not_collected_again() -> None:
    gc.disable()
    before = gc.get_freeze_count()
    try:
        keep_all()
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
    finally:
        gc.enable()
