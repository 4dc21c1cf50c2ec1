"""Becomes the program of its arguments, which ends with the process that started it: ``PARENT PROGRAM ...``.

A file that Python runs by its path, without this package, so that it takes no time. Linux ends the program by
SIGKILL when its parent has gone, however that went; nothing stays behind that would hold the port.

SIGTERM does not end it: systemd sends it to all processes of a unit, and the server drains through it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before it could be asked about
        sys.exit(1)
    # blocked, which the program inherits; what is ignored it would handle all the same
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.execv(program[0], program)
