"""Probes of TCP, for protocols that have no pings of their own."""

from __future__ import annotations

import asyncio
import socket

_PROBES = 3


def keep_alive(writer: asyncio.StreamWriter, time_ms: int, timeout_ms: int) -> None:
    """Lets the kernel end the connection if the other machine has vanished: cut off, or without power.

    After ``time_ms`` of silence it is asked, and has ``timeout_ms`` to answer. What was sent has both times
    to arrive. A program that is frozen is not found: its kernel answers.
    """
    connection = writer.get_extra_info("socket")
    seconds = max(1, round(timeout_ms / 1000 / _PROBES))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", max(1, round(time_ms / 1000))),
        ("TCP_KEEPINTVL", seconds),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", time_ms + timeout_ms),  # Linux has it
    ):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
