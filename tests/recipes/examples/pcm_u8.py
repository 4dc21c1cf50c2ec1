"""8-bit PCM, as in old WAV files: unsigned, 128 is silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from translate_svc.audio.codecs.sample_codec import SampleValues
from translate_svc.types import Samples


def _from_wire(values: npt.NDArray[Any], *, field: str) -> Samples:
    return (values.astype(np.float32) - np.float32(128)) / np.float32(128)


def _to_wire(samples: Samples) -> npt.NDArray[np.uint8]:
    values: npt.NDArray[np.uint8] = np.clip(np.rint(samples * 128) + 128, 0, 255).astype(np.uint8)
    return values


PCM_U8 = SampleValues(np.dtype("u1"), _from_wire, _to_wire)
