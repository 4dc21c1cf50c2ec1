"""The sides of a recording whose left and right channels are two people, and what they are called."""

from __future__ import annotations

from translate_svc.audio.audio_tracks import Channel

ChannelSide = Channel | None
"""Whose stream an event is of: LEFT or RIGHT if both sides are translated, None for the only stream."""

ONE_STREAM = (None,)
BOTH_SIDES = (Channel.LEFT, Channel.RIGHT)


def speaker_name(side: ChannelSide) -> str:
    """``Left`` or ``Right``; empty for the only stream."""
    return "" if side is None else side.value.capitalize()
