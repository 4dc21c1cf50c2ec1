"""From attention over the source to the frame that each token comes from. Free of torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FLAT = 1e-6


def attended_frames(attention: npt.NDArray[np.float32], *, sink_frames: int = 0) -> tuple[int, ...]:
    """The frame that each token comes from.

    First, each frame's weights are normalised to mean 0 and variance 1 over the tokens of the pass. Heads
    that need nothing put some weight on the same frame for every token. Such a frame gives no information.
    Of two tokens each frame's variance would say only which of them attends to it more, so there the
    variance stays as it is.

    Args:
        attention: ``[tokens, frames]``, the rows of all tokens of one pass.
        sink_frames: how many frames at the start are never taken, if there are more frames than that.
    """
    tokens, frames = attention.shape
    if tokens == 0:
        return ()
    if frames == 0:
        raise ValueError("attention: no frames")
    deviation = attention.std(axis=0)
    flat = deviation < _FLAT  # a single token has only flat frames; then the weights themselves decide
    scale = np.where(flat | (tokens == 2), 1.0, deviation)
    normal = (attention - attention.mean(axis=0)) / scale
    if flat.all():
        normal = attention.copy()
    if sink_frames < frames:
        normal[:, :sink_frames] = -np.inf
    return tuple(int(frame) for frame in normal.argmax(axis=1))
