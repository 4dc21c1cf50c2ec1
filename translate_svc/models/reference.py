"""transformers' own computation of a checkpoint: what the self-test compares with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from translate_svc.types import EncoderSource, Samples

_CANDIDATES = 5


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceTranslation:
    """transformers' translation of one source.

    Attributes:
        token_ids: the text, without prompt and ``</s>``.
        finished: whether ``</s>`` came before the token limit.
        candidates: for each step, with ``</s>``, natural log-probabilities of the likeliest tokens that may
            be chosen, by id. They have the token of that step.
        units: vocoder units; empty if transformers cannot speak, see ``Reference.translate``.
        samples: the waveform, 320 samples per unit.
        duration_s: time for text and speech together.
    """

    token_ids: tuple[int, ...]
    finished: bool
    candidates: tuple[Mapping[int, float], ...]
    units: npt.NDArray[np.int64]
    samples: Samples
    duration_s: float


class Reference(Protocol):
    """A model of transformers, greedy, one source at a time."""

    def translate(
        self,
        source: EncoderSource,
        language: str,
        speaker_id: int | None,
        *,
        max_new_tokens: int,
        source_language: str | None = None,
    ) -> ReferenceTranslation:
        """Returns text and, with a ``speaker_id``, speech.

        There is no speech where transformers' speech cannot be compared: it crashes on a text without tokens,
        and it drops the last token of a text that was cut at the token limit.
        """


def quiet() -> None:
    """Turns off transformers' progress bars and warnings for the whole process."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def likeliest(logits: torch.Tensor, scores: torch.Tensor | None = None) -> dict[int, float]:
    """Natural log-probabilities of some tokens by their ids.

    ``scores`` are the logits after the rules that forbid tokens; None: nothing is forbidden. What is
    forbidden counts for the probabilities, as in the service, but a rule may forbid all of the likeliest.
    """
    known = logits.float().log_softmax(dim=0)
    ids = (known if scores is None else scores).topk(min(_CANDIDATES, len(known))).indices
    return dict(zip(ids.tolist(), known[ids].tolist(), strict=True))
