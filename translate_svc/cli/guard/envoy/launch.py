"""Becomes the program of its arguments, which ends with the process that started it: ``PARENT PROGRAM ...``.

A file that Python runs by its path, without this package, so that it takes no time. Linux ends the program by
SIGKILL when its parent has gone, however that went; nothing stays behind that would hold the port.
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
    os.execv(program[0], program)
