"""One side in a process of its own: loads, says so, then does what each line of its input asks for.

``python -m benchmarks.full_size.contender_process FOLDER SIDE DTYPE SLOTS THREADS``. Lines are JSON. The
first one that it writes says that it has loaded; it then writes one for each line that it reads.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.stages.clock import StageClock
from benchmarks.throughput.utterance import Utterance, forced, forced_alone, noise

_NOISE_S = 60


class _Side:
    """What both sides do."""

    def load(self, asked: dict[str, Any]) -> list[Utterance]:
        """One utterance of ``one_s``, or a load of ``utterances``."""
        if "one_s" in asked:
            return [forced_alone(noise(asked["one_s"]))]
        return forced(noise(_NOISE_S), asked["utterances"], asked["longest_s"])


class Ours(_Side):
    """The engine without its thread, as ``translate-svc batch`` sets it up: all that has a slot is encoded
    before it is decoded, as in transformers' static batches.
    """

    encode_steps = 64

    def __init__(self, folder: Path, dtype: str, slots: int) -> None:
        from benchmarks.throughput.engine import Engine
        from translate_svc.models.precision import PRECISIONS

        self._clock = StageClock()
        self._engine = Engine(
            folder,
            slots=slots,
            precision=PRECISIONS[dtype],
            min_encode_steps=self.encode_steps,
            on_step=self._clock.record_step,
        )

    def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Translates a load. Seconds in all and by stage, and the median decode step with all rows."""
        utterances = self.load(asked)
        self._clock.forget()
        spent = timed(lambda: self._engine.run(utterances, speech=asked["speech"]))
        self._clock.end_round()
        stages = {name: round(ms / 1000, 3) for name, ms in self._clock.rounds[0].items()}
        return {**spent, "stages_s": stages}

    def steps(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The median decode step with ``rows`` rows, and the encoder over the same utterances."""
        utterances = [forced_alone(noise(asked["one_s"]))] * asked["rows"]
        self._clock.forget()
        self._engine.run(utterances, speech=False)
        self._clock.end_round()
        times = sorted(self._clock.decode_ms(asked["rows"]))
        return {"step_ms": times[len(times) // 2], "encode_ms": self._clock.median_ms("encode")}


class OursLive(Ours):
    """The same as ``serve`` sets it up: texts do not wait for encodings."""

    encode_steps = 1

    def live(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One simultaneous stream in real time."""
        from benchmarks.full_size.live import live_stream

        return live_stream(self._engine, asked["minutes"] * 60)


class Transformers(_Side):
    """``generate``."""

    def __init__(self, folder: Path, dtype: str, slots: int) -> None:
        from benchmarks.throughput.checkpoints import quiet
        from benchmarks.throughput.peer import Peer

        quiet()
        self._peer = Peer(folder, dtype=getattr(torch, dtype))

    def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Translates a load in static batches of ``batch``."""
        utterances = self.load(asked)
        batch = asked.get("batch", 1)
        return timed(lambda: self._peer.run(utterances, speech=asked["speech"], batch=batch))


_SIDES: dict[str, Callable[[Path, str, int], Ours | Transformers]] = {
    "ours": Ours,
    "ours live": OursLive,
    "transformers": Transformers,
}


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds that passed, and those of the processor, which other work on the machine hardly changes."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - started, "processor_s": time.process_time() - spent}


def memory_mb() -> dict[str, float]:
    """Resident now and at most, of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    names = {"resident_mb": "VmRSS", "peak_mb": "VmHWM"}
    return {name: round(int(fields[field].split()[0]) * 1024 / 1e6) for name, field in names.items()}


def main() -> None:
    folder, side, dtype, slots, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    loaded = _SIDES[side](Path(folder), dtype, int(slots))
    print(json.dumps(memory_mb()), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(loaded, asked.pop("do"))(asked)
        print(json.dumps(answer | memory_mb()), flush=True)


if __name__ == "__main__":
    main()
