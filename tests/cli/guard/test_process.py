"""What Envoy says, in the log of the server. The programs here are none."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from translate_svc.cli.guard.envoy.process import EnvoyProcess
from translate_svc.errors import Unavailable

_SAID = (
    "23383 external/tcmalloc+/tcmalloc/page_allocator.cc:165] Couldn't respect usage limit of 16777216 "
    "without breaking hugepages - performance will drop",
    "23383 external/tcmalloc+/tcmalloc/page_allocator.cc:140] Couldn't respect usage limit of 16777216 and "
    "OOM is likely to follow.",
    "error initializing config: no such field",
)


async def test_what_every_envoy_says_of_its_memory_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator who reads that memory will be short looks for what is not there."""
    (tmp_path / "said").write_text("\n".join(_SAID))
    program = tmp_path / "envoy"
    program.write_text(f"#!/bin/sh\ncat {tmp_path / 'said'} >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(Unavailable, match="ended while it was started"):
        await EnvoyProcess.start(str(program), {}, tmp_path)
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.INFO]
    assert errors == [f"envoy: {_SAID[-1]}"]
