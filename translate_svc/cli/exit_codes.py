"""Exit codes of the command, and the error of wrong usage."""

from __future__ import annotations

from translate_svc.errors import TranslateSvcError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_LOST = 3
"""The engine, or the server, is lost; the command may be given again."""

EXIT_INTERRUPTED = 130
"""By Ctrl-C. Another signal that ends a command adds its own number to 128, as shells do."""


class UsageError(TranslateSvcError):
    """An option has a wrong value, or options contradict each other. ``field`` names the option."""
