"""What the command's exit code tells."""

from __future__ import annotations

from translate_svc.errors import TranslateSvcError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class UsageError(TranslateSvcError):
    """The command line itself is wrong: an option's value, or options that contradict each other. ``field``
    names the option.
    """
