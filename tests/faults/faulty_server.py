"""``translate-svc`` as a program whose callers can ask for faults.

* A call of Translate with the text ``fault STAGE KIND`` fails in that stage of the engine, as KIND says:
  ``raises``, ``memory`` (of the device, which never suffices), ``nan``, or ``batch`` (the stage raises while
  others are in the same batch).
* ``fault clock SECONDS`` sets the wall clock forward or back, before the text is translated.
* The detector raises for a frame whose samples are all ``DETECTOR_FAULT``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

_wall_clock = time.time
_ahead_s = 0.0
time.time = lambda: _wall_clock() + _ahead_s  # before anything keeps a reference

import torch  # noqa: E402

from translate_svc.cli.main import main  # noqa: E402
from translate_svc.engine.async_engine import AsyncEngine  # noqa: E402
from translate_svc.engine.request import Request, SourceText  # noqa: E402
from translate_svc.engine.runner.model_runner import ModelRunner  # noqa: E402
from translate_svc.types import Stage  # noqa: E402
from translate_svc.vad.frame_vad import Float32Array  # noqa: E402
from translate_svc.vad.silero import SileroVad  # noqa: E402

DETECTOR_FAULT = 12_345 / 32_768
_kinds: dict[tuple[str, Stage], str] = {}
"""The fault of a request in a stage."""


def _note(request: Request) -> None:
    global _ahead_s
    if not isinstance(request.source, SourceText):
        return
    word, where, kind = (*request.source.text.split(), "", "", "")[:3]
    if word == "fault" and where == "clock":
        _ahead_s += float(kind)
    elif word == "fault":
        _kinds[request.request_id, Stage(where)] = kind


def _faulty(stage: Stage, compute: Any) -> Any:
    def computed(runner: ModelRunner, items: Sequence[Any]) -> Any:
        for item in items:
            match _kinds.get((item.key[0], stage), ""):
                case "raises":
                    raise RuntimeError("a caller's words")
                case "memory":
                    raise torch.OutOfMemoryError("CUDA out of memory")
                case "batch" if len(items) > 1:
                    raise RuntimeError("a caller's words")
                case "nan":
                    model: Any = runner._model
                    cache = model.cache
                    cache.layers[0].cross_values[item.slot] = torch.nan
                    cache.states[item.slot] = torch.nan
        return compute(runner, items)

    return computed


def _install() -> None:
    submit: Any = AsyncEngine.submit
    step = SileroVad.step

    def noted(engine: AsyncEngine, request: Request, deliver: Any) -> None:
        _note(request)
        submit(engine, request, deliver)

    def checked(
        vad: SileroVad, frames: Float32Array, states: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        if (frames == DETECTOR_FAULT).all(axis=1).any():
            raise RuntimeError("the detector cannot")
        return step(vad, frames, states)

    patched: Any = AsyncEngine
    patched.submit = noted
    patched = SileroVad
    patched.step = checked
    for stage in Stage:
        name = f"_{stage.value}"
        setattr(ModelRunner, name, _faulty(stage, getattr(ModelRunner, name)))


if __name__ == "__main__":
    _install()
    main()
