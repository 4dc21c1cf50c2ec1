"""The attacks, by name."""

from __future__ import annotations

from benchmarks.attacks.aim import Attack
from benchmarks.attacks.floods import admin, frames, messages, sessions, streams

ATTACKS: dict[str, Attack] = {
    "tiny parts": messages.tiny_parts,
    "whole clips": messages.whole_clips,
    "half clips": messages.half_clips,
    "watches, one connection": streams.watches_of_one,
    "watches, 20 connections": streams.watches_of_many,
    "rapid reset": streams.rapid_reset,
    "slow readers": streams.slow_readers,
    "slow headers": admin.slow_headers,
    "silence by the hour": sessions.silence_by_the_hour,
    "silence by the sample": sessions.silence_by_the_sample,
    "clears": sessions.clears,
    "finalizes": sessions.finalizes,
    "PRIORITY": frames.priorities,
    "SETTINGS": frames.settings,
    "WINDOW_UPDATE": frames.window_updates,
    "PING": frames.pings,
    "CONTINUATION": frames.continuations,
    "a greedy caller": sessions.greedy_caller,
}

BY_CONNECTION = (
    "half clips",
    "watches, one connection",
    "watches, 20 connections",
    "rapid reset",
    "PRIORITY",
    "SETTINGS",
    "WINDOW_UPDATE",
    "PING",
    "CONTINUATION",
)
"""Those that a proxy in front must hold off: gRPC for Python sees little or nothing of them."""
