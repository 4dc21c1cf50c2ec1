"""What a connection still has to send, and its end without that.

asyncio's transport over TLS raises an AttributeError when it has been closed twice, as by a client that
closes while the server does. It ends by itself then, after a time of its own.
"""

from __future__ import annotations

import asyncio
import contextlib


def unsent_bytes(transport: asyncio.WriteTransport) -> int:
    """How much the client has not taken yet."""
    with contextlib.suppress(AttributeError):
        return transport.get_write_buffer_size()
    return 0


def cut_off(transport: asyncio.WriteTransport) -> None:
    """Ends the connection now; what was not sent is lost."""
    with contextlib.suppress(AttributeError):
        transport.abort()
