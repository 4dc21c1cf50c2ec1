"""Meetings of people in rooms of a real Janus server, with the interpreter of ``integrations/meeting``."""

import sys
from pathlib import Path

INTEGRATION = Path(__file__).resolve().parents[2] / "integrations" / "meeting"

if str(INTEGRATION) not in sys.path:  # it is a package of its own, which need not be installed here
    sys.path.append(str(INTEGRATION))
