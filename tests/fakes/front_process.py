"""A front process whose detector takes loud audio for speech. ``python -m tests.fakes.front_process``."""

from __future__ import annotations

from tests.fakes.fake_vad import EnergyVad
from translate_svc.cli.fronts.front_process import main

if __name__ == "__main__":
    main(EnergyVad)
