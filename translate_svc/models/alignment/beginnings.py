"""Translations of clips' beginnings, which grow by a step as hypotheses do. Calibration judges by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from translate_svc.errors import EngineError
from translate_svc.models.alignment.alignment_file import AttentionRow
from translate_svc.models.alignment.attended_frames import attended_frames
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import Placement
from translate_svc.models.runs import Runs
from translate_svc.models.seamless.seamless_model import SeamlessModel
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import NOT_FINITE
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

STEP_SAMPLES = INTERNAL_SAMPLE_RATE_HZ // 2
_MAX_NEW_TOKENS = 96

Heads = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """The translation of a clip's beginning.

    Attributes:
        token_ids: its text.
        survives: for each token, whether the translation of the whole clip has the same text up to it.
        agrees: for each token, whether the beginning one step shorter has the same text up to it.
        attention: ``[layers, heads, PROMPT_TOKENS + tokens, frames]``: a row for each token that was fed.
    """

    token_ids: tuple[int, ...]
    survives: npt.NDArray[np.bool_]
    agrees: npt.NDArray[np.bool_]
    attention: npt.NDArray[np.float32]

    @property
    def frames(self) -> int:
        """Frames of the buffer."""
        return int(self.attention.shape[-1])

    @property
    def evaluated(self) -> int:
        """Number of tokens that are evaluated: all up to and including the first that does not survive."""
        return min(len(self.token_ids), int(self.survives.sum()) + 1)

    def attended(self, heads: Heads, row: AttentionRow) -> npt.NDArray[np.int64]:
        """The frame that each token comes from, by the mean attention of ``heads``."""
        mean = np.mean([self.attention[layer, head] for layer, head in heads], axis=0)
        first = PROMPT_TOKENS - (row is AttentionRow.PREDICTING)
        return np.array(attended_frames(mean[first : first + len(self.token_ids)]), np.int64)


class Observer:
    """Translates beginnings of clips.

    Args:
        checkpoint: a verified checkpoint; its weights are loaded here.
        max_samples: the length of the longest clip.
        placement: where to compute.

    Raises:
        CheckpointError: the weights are damaged or do not fit the configuration.
    """

    def __init__(self, checkpoint: Checkpoint, max_samples: int, placement: Placement) -> None:
        config = checkpoint.config
        self._eos = config.eos_token_id
        self._languages = checkpoint.maps.text_languages
        self._max_new_tokens = min(_MAX_NEW_TOKENS, config.max_position_embeddings - PROMPT_TOKENS)
        self._model = SeamlessModel(
            checkpoint,
            ModelLimits(1, self._max_new_tokens + PROMPT_TOKENS, max_samples, 3),
            device=torch.device(placement.device),
            precision=placement.precision,
            alignment_layer=0,
        )

    @staticmethod
    def translations(samples: Samples) -> int:
        """How many translations ``beginnings`` makes of a clip."""
        return len(range(STEP_SAMPLES, len(samples), STEP_SAMPLES)) + 1

    @torch.inference_mode()
    def beginnings(
        self, samples: Samples, language: str, report: Callable[[], None] = lambda: None
    ) -> list[Beginning]:
        """All beginnings of one clip whose translation is not empty, the shortest first.

        Args:
            samples: the whole clip.
            language: the target language, as a Seamless code.
            report: called after each translation.

        Raises:
            EngineError: the translation of the clip failed.
        """
        token = self._languages[language]
        whole = self._translate(samples, token)
        report()
        before: tuple[int, ...] = ()
        found = []
        for end in range(STEP_SAMPLES, len(samples), STEP_SAMPLES):
            token_ids = self._translate(samples[:end], token)
            if token_ids:
                attention = self._model.head_attention(0, [self._eos, token, *token_ids])
                survives, agrees = common_start(token_ids, whole), common_start(token_ids, before)
                found.append(Beginning(token_ids, survives, agrees, attention))
            before = token_ids
            report()
        return found

    def _translate(self, samples: Samples, language_token: int) -> tuple[int, ...]:
        """The greedy translation."""
        (encoded,) = finish(self._model.encode([samples], [[0]]))
        if isinstance(encoded, EngineError):
            raise encoded
        text: list[int] = []
        fed = Runs([0], [0], [[self._eos, language_token]])
        while True:
            made = self._model.decode(fed)
            if not (made.finite and made.logits.isfinite().all()):
                raise EngineError(NOT_FINITE)
            token_id = int(made.logits[0].argmax())
            if token_id == self._eos or len(text) == self._max_new_tokens:
                return tuple(text)
            text.append(token_id)
            fed = Runs.steps([0], [len(text) + 1], [token_id])


def common_start(token_ids: Sequence[int], other: Sequence[int]) -> npt.NDArray[np.bool_]:
    """True at the tokens that both texts begin with."""
    same = [token == theirs for token, theirs in zip(token_ids, other, strict=False)]
    same += [False] * (len(token_ids) - len(same))
    return np.logical_and.accumulate(np.array(same, np.bool_)) if same else np.zeros(0, np.bool_)
