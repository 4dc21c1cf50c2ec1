"""Responses -> events, in order and without gaps."""

from __future__ import annotations

from translate_svc import wire
from translate_svc.errors import DataLoss
from translate_svc.types import Opened, SessionEvent
from translate_svc.v1 import speech_translation_pb2 as pb


class EventOrder:
    """Checks the numbers of one stream's responses."""

    def __init__(self) -> None:
        self._seq = 0

    def accept(self, response: pb.StreamingTranslateResponse) -> SessionEvent | None:
        """The response's event; None for one of a later contract, which is to be ignored.

        Raises:
            DataLoss: a response is missing or cannot be understood, or the first is not ``opened``.
        """
        seq, event = wire.decode_response(response)
        self._seq += 1
        if seq != self._seq:
            raise DataLoss(f"response {seq} came where {self._seq} was due", field="seq")
        if seq == 1 and not isinstance(event, Opened):
            raise DataLoss("must be the first response", field="opened")
        return event
