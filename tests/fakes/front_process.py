"""A front process whose detector takes loud audio for speech. ``python -m tests.fakes.front_process``,
perhaps with the seconds after which a silent engine's process is lost.
"""

from __future__ import annotations

import sys

from tests.fakes.fake_vad import EnergyVad
from translate_svc.cli.fronts.front_process import main
from translate_svc.remote_engine.options import ConnectionOptions

if __name__ == "__main__":
    main(EnergyVad, ConnectionOptions(engine_silence_timeout_s=float(sys.argv[1]) if sys.argv[1:] else 30.0))
