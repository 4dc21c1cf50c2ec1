"""Text messages of clients of Vosk's server."""

from __future__ import annotations

from collections.abc import Iterator

from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.vosk.recognition import Control

MAX_BYTES = 1_024


def run(data: bytes) -> None:
    """One message."""
    try:
        control = Control(data.decode("utf-8", "replace"))
    except TranslateSvcError:
        return
    assert control.rate_hz == int(control.rate_hz)


def seeds() -> Iterator[bytes]:
    """What the programs of vosk-server and Jigasi send."""
    yield b'{"config" : {"sample_rate" : 16000.0, "words" : 1, "max_alternatives" : 0}}'
    yield b'{"config" : {"phrase_list" : ["zero one two"], "sample_rate" : 8000}}'
    yield b'{"eof" : 1}'
