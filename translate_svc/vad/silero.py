"""Silero VAD v6 through onnxruntime: a pure, batched step over frames of many streams.

The model is the ONNX file in the ``silero-vad`` package (MIT). The package itself is never imported:
importing it sets torch's thread count for the whole process.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import cast

import numpy as np

# read at the import: without it onnxruntime counts its users, with an id and a database in the user's cache
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from translate_svc.errors import CheckpointError
from translate_svc.types import FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ
from translate_svc.vad.frame_vad import Float32Array

_PACKAGE = "silero_vad"
_FILE = "data/silero_vad.onnx"
_CONTEXT_SAMPLES = 64
_LSTM_SHAPE = (2, 128)
_LSTM_SIZE = _LSTM_SHAPE[0] * _LSTM_SHAPE[1]


def find_silero_file() -> Path:
    """Path of the ONNX file of the installed package, found without running any of its code.

    Raises ``CheckpointError``, naming the file, if it does not exist.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise CheckpointError("not found; is the silero-vad package installed?", field=f"{_PACKAGE}/{_FILE}")


class SileroVad:
    """``FrameVad`` by Silero's model at 16 kHz.

    A state row is the model's LSTM state ``[2, 128]`` followed by the last 64 samples, which the model
    needs before every frame. Thread-safe: ``step`` keeps no state.
    """

    state_size = _LSTM_SIZE + _CONTEXT_SAMPLES

    def __init__(self, path: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            path or find_silero_file(), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(INTERNAL_SAMPLE_RATE_HZ, dtype=np.int64)

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Scores ``frames`` ``[N, 512]``, given ``states`` ``[N, 320]``; N is at least 1.

        Returns the speech probabilities ``[N]`` and the states after the frames. Each row is within 1e-5
        of its result in a batch of one. Raises ``ValueError`` for other shapes.
        """
        count = len(frames)
        if frames.shape != (count, FRAME_SAMPLES) or states.shape != (count, self.state_size) or not count:
            raise ValueError(f"frames {frames.shape} and states {states.shape} do not fit")
        context = states[:, _LSTM_SIZE:]
        lstm = states[:, :_LSTM_SIZE].reshape(count, *_LSTM_SHAPE).swapaxes(0, 1)
        output, new_lstm = self._session.run(
            ("output", "stateN"),
            {
                "input": np.concatenate((context, frames), axis=1),
                "state": np.ascontiguousarray(lstm),
                "sr": self._rate,
            },
        )
        flat_lstm = cast(Float32Array, new_lstm).swapaxes(0, 1).reshape(count, _LSTM_SIZE)
        new_states = np.concatenate((flat_lstm, frames[:, -_CONTEXT_SAMPLES:]), axis=1)
        return cast(Float32Array, output)[:, 0], new_states
