"""Translations of clips' beginnings, which grow by a step as hypotheses do. Calibration judges by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from translate_svc.errors import EngineError, InvalidArgument
from translate_svc.models.alignment.alignment_file import AttentionRow
from translate_svc.models.alignment.attended_frames import attended_frames
from translate_svc.models.decoded_step import NO_OPTIONAL_FIELDS
from translate_svc.models.decoder.slot_model import SlotModel
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import Placement
from translate_svc.models.runs import Runs
from translate_svc.models.slices import finish
from translate_svc.models.speech_model import NOT_FINITE, ModelFamily, SpeechModel
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples

STEP_SAMPLES = INTERNAL_SAMPLE_RATE_HZ // 2
_MAX_NEW_TOKENS = 96
_MAX_PROMPT_TOKENS = 4

Heads = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """The translation of a clip's beginning.

    Attributes:
        token_ids: its text.
        survives: for each token, whether the translation of the whole clip has the same text up to it.
        agrees: for each token, whether the beginning one step shorter has the same text up to it.
        attention: ``[layers, heads, prompt_tokens + tokens, frames]``: a row for each token that was fed.
        probabilities: of each token.
        prompt_tokens: length of the prompt.
    """

    token_ids: tuple[int, ...]
    survives: npt.NDArray[np.bool_]
    agrees: npt.NDArray[np.bool_]
    attention: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]
    prompt_tokens: int = 2

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
        first = self.prompt_tokens - (row is AttentionRow.PREDICTING)
        return np.array(attended_frames(mean[first : first + len(self.token_ids)]), np.int64)


class Observer:
    """Translates beginnings of clips.

    Args:
        family: a verified checkpoint; its weights are loaded here.
        max_samples: the length of the longest clip.
        placement: where to compute.

    Raises:
        CheckpointError: the weights are damaged or do not fit the configuration.
    """

    def __init__(self, family: ModelFamily, max_samples: int, placement: Placement) -> None:
        self._tokenizer = family.tokenizer()
        positions = family.capabilities.max_text_positions
        most = min(_MAX_NEW_TOKENS, positions - _MAX_PROMPT_TOKENS) + _MAX_PROMPT_TOKENS
        self._max_slot_tokens = most
        model = family.load(ModelLimits(1, most, max_samples, 3), placement)
        if not isinstance(model, SlotModel):
            raise InvalidArgument("has no attention over its source to calibrate", field="model")
        self._observed: SlotModel = model
        self.model: SpeechModel = model
        """The loaded model."""

    @staticmethod
    def translations(samples: Samples) -> int:
        """How many translations ``beginnings`` makes of a clip."""
        return len(range(STEP_SAMPLES, len(samples), STEP_SAMPLES)) + 1

    @torch.inference_mode()
    def beginnings(
        self,
        samples: Samples,
        language: str,
        report: Callable[[], None] = lambda: None,
        source_language: str | None = None,
    ) -> list[Beginning]:
        """All beginnings of one clip whose translation is not empty, the shortest first.

        Args:
            samples: the whole clip.
            language: the target language, as a Seamless code.
            report: called after each translation.
            source_language: of the clip, if it is known.

        Raises:
            EngineError: the translation of the clip failed.
        """
        prompt = self._tokenizer.prompt(language, source_language)
        whole, _ = self.translate(samples, prompt)
        report()
        before: tuple[int, ...] = ()
        found = []
        for end in range(STEP_SAMPLES, len(samples), STEP_SAMPLES):
            token_ids, probabilities = self.translate(samples[:end], prompt)
            if token_ids:
                attention = self._observed.head_attention(0, [*prompt, *token_ids])
                survives, agrees = common_start(token_ids, whole), common_start(token_ids, before)
                chosen = np.array(probabilities, np.float32)
                found.append(Beginning(token_ids, survives, agrees, attention, chosen, len(prompt)))
            before = token_ids
            report()
        return found

    @torch.inference_mode()
    def translate(self, samples: Samples, prompt: Sequence[int]) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """The greedy translation, and the probability of each token.

        Raises:
            EngineError: it failed.
        """
        rules, eos = self._tokenizer.text_rules, self._tokenizer.eos_token_id
        (encoded,) = finish(self.model.encode([samples], [[0]]))
        if isinstance(encoded, EngineError):
            raise encoded
        text: list[int] = []
        probabilities: list[float] = []
        fed = Runs([0], [0], [prompt])
        while True:
            made = self.model.decode(fed, NO_OPTIONAL_FIELDS)
            if not (made.finite and made.logits.isfinite().all()):
                raise EngineError(NOT_FINITE)
            made.logits[:, [*rules.suppressed, *(() if text else rules.suppressed_first)]] = -torch.inf
            token_id = int(made.logits[0].argmax())
            if token_id == eos or len(text) == self._max_slot_tokens - len(prompt):
                return tuple(text), tuple(probabilities)
            text.append(token_id)
            probabilities.append(float(made.logits[0].softmax(-1)[token_id]))
            fed = Runs.steps([0], [len(prompt) + len(text) - 1], [token_id])


def common_start(token_ids: Sequence[int], other: Sequence[int]) -> npt.NDArray[np.bool_]:
    """True at the tokens that both texts begin with."""
    same = [token == theirs for token, theirs in zip(token_ids, other, strict=False)]
    same += [False] * (len(token_ids) - len(same))
    return np.logical_and.accumulate(np.array(same, np.bool_)) if same else np.zeros(0, np.bool_)
