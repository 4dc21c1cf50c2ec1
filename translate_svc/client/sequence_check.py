"""Converts responses to events, and checks that none is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from translate_svc import wire
from translate_svc.errors import DataLoss
from translate_svc.types import Opened, ResultEvent, SessionEvent
from translate_svc.v1 import speech_translation_pb2 as pb

ResponseT = TypeVar("ResponseT")
EventT = TypeVar("EventT")


class SequenceCheck(Generic[ResponseT, EventT]):
    """Checks the sequence numbers of one call's responses, which count from 1.

    Args:
        decode: returns sequence number and event of a response; None for an event of a later contract.
        first: the event that must be the first of the call: its class and its name in the contract.
    """

    def __init__(
        self,
        decode: Callable[[ResponseT], tuple[int, EventT | None]],
        first: tuple[type[Any], str] | None = None,
    ) -> None:
        self._decode = decode
        self._first = first
        self._seq = 0

    def accept(self, response: ResponseT) -> EventT | None:
        """The response's event; None for an event of a later contract, which callers must ignore.

        Raises:
            DataLoss: a response is missing or violates the contract, or the first event is the wrong one.
        """
        seq, event = self._decode(response)
        self._seq += 1
        if seq != self._seq:
            raise DataLoss(f"response {seq} came where {self._seq} was due", field="seq")
        if seq == 1 and self._first is not None and not isinstance(event, self._first[0]):
            raise DataLoss("must be the first response", field=self._first[1])
        return event


def stream_sequence() -> SequenceCheck[pb.StreamingTranslateResponse, SessionEvent]:
    """The check for the responses of one stream."""
    return SequenceCheck(wire.decode_response, first=(Opened, "opened"))


def call_sequence() -> SequenceCheck[pb.TranslateResponse, ResultEvent]:
    """The check for the responses of one call of Translate."""
    return SequenceCheck(wire.decode_translate_response)
