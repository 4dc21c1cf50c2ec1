"""The entry point of the command ``translate-svc``, and of ``python -m translate_svc``."""

from __future__ import annotations

import signal

from translate_svc.cli import interrupts
from translate_svc.cli.exit_codes import EXIT_INTERRUPTED
from translate_svc.garbage_collection import collection_paused


def main() -> None:
    """Runs the command line. Ctrl-C is quiet from here on, also while the libraries are imported."""
    signal.signal(signal.SIGINT, interrupts.leave)
    interrupts.heed_terminations_as_first_process()
    with collection_paused():
        from translate_svc.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    except KeyboardInterrupt:
        interrupts.leave()
    except SystemExit as ended:
        if ended.code == EXIT_INTERRUPTED:
            interrupts.end()
        raise
    finally:
        # the interpreter still waits for threads
        signal.signal(signal.SIGINT, interrupts.leave)


if __name__ == "__main__":
    main()
