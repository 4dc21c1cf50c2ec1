"""Which session has each resumed stream of a server with several front processes. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Holder:
    index: int
    session_id: str
    epoch: int


class StreamFence:
    """Decides between sessions of one stream at different front processes: the one of the highest epoch has
    it, of equals the one that asked last.

    A session asks when it resumes a stream. One that is new has nobody beside it and does not ask.
    """

    def __init__(self) -> None:
        self._holders: dict[str, _Holder] = {}

    def claim(self, index: int, stream_id: str, epoch: int, session_id: str) -> str:
        """A session of front process ``index`` asks for a stream. Returns the id of the one that has it now:
        another one where the stream was resumed since.
        """
        holder = self._holders.get(stream_id)
        if holder is not None and holder.epoch > epoch:
            return holder.session_id
        self._holders[stream_id] = _Holder(index, session_id, epoch)
        return session_id

    def keep(self, index: int, session_ids: Collection[str]) -> None:
        """Forgets all sessions of a front process but these. The others have ended."""
        self._holders = {
            stream_id: holder
            for stream_id, holder in self._holders.items()
            if holder.index != index or holder.session_id in session_ids
        }

    def leave(self, index: int) -> None:
        """A front process has ended, and its sessions with it."""
        self.keep(index, ())
