"""The runner's own check of each item of a plan. A valid item cannot harm the others of its batch."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from translate_svc.engine.constraint import UNCONSTRAINED
from translate_svc.engine.plan import BeamItem, DecodeItem, EncodeItem, TextToUnitItem, VocodeItem
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.slot_ledger import SlotLedger
from translate_svc.models.limits import ModelLimits
from translate_svc.models.speech_model import SpeechModel

NO_SPEECH = "the model makes no speech"


class ItemChecks:
    """Each method returns an item's error, without any caller's data, or None for a valid item."""

    def __init__(
        self, model: SpeechModel, limits: ModelLimits, ledger: SlotLedger, biases: ConstraintBiases
    ) -> None:
        self._model, self._capabilities = model, model.capabilities
        self._limits = limits
        self._ledger = ledger
        self._biases = biases

    def encode(self, item: EncodeItem) -> str | None:
        """Checks an item, and releases its slots from their former owners even if the item is not valid."""
        if not item.slots or not all(self._ledger.exists(slot) for slot in item.slots):
            return f"slots {item.slots} do not all exist"
        for slot in item.slots:
            self._ledger.release(slot)
        if isinstance(item.source, tuple):
            return self._text(item.source)
        low, high = self._model.min_source_samples, self._limits.max_source_samples
        if item.source.ndim != 1 or not low <= len(item.source) <= high:
            return f"samples: shape {list(item.source.shape)}, expected one dimension of {low} to {high}"
        return None

    def _text(self, token_ids: tuple[int, ...]) -> str | None:
        longest = self._limits.max_source_tokens
        if not 2 < len(token_ids) <= longest:
            return f"text of {len(token_ids)} tokens, expected 3 to {longest}"
        if not all(0 <= token_id < self._model.vocabulary_size for token_id in token_ids):
            return "text with tokens outside the vocabulary"
        return None

    def are_steps(self, items: Sequence[DecodeItem]) -> bool:
        """Whether ``items`` are all valid, with one token each. If not, ``decode`` says what is wrong."""
        if len({item.slot for item in items}) < len(items):
            return False
        limits = self._limits.max_slot_tokens, self._model.vocabulary_size
        return self._ledger.are_steps(items, *limits)

    def decode(self, item: DecodeItem, shared_slots: Collection[int]) -> str | None:
        """The slot must hold the sequence, and the item's tokens must come next and fit. Those of an item
        that is no step may come earlier.

        ``shared_slots``: slots that more than one item of this step uses.
        """
        entry = self._ledger.find(item.key, item.slot)
        if entry is None:
            return f"slot {item.slot} does not hold this sequence"
        fed = len(entry.fed_token_ids)
        if item.position > fed or (item.position < fed and item.is_step):
            return f"position {item.position} is fed after {len(entry.fed_token_ids)} tokens"
        return self._run(item, shared_slots)

    def beams(self, item: BeamItem, shared_slots: Collection[int]) -> str | None:
        """Each row goes on from tokens that its slot was fed, or the one that it copies."""
        origins = dict(item.copies)
        if not origins.keys() <= {row.slot for row in item.rows} or not origins.keys().isdisjoint(
            origins.values()
        ):
            return f"copies {item.copies} are not from other slots to those of the rows"
        for row in item.rows:
            origin = origins.get(row.slot, row.slot)
            entry = self._ledger.find(item.key, origin)
            if row.key != item.key or entry is None or not self._ledger.exists(row.slot):
                return f"slot {origin} does not hold this sequence"
            if row.position > len(entry.fed_token_ids):
                return f"position {row.position} is fed after {len(entry.fed_token_ids)} tokens"
            if problem := self._run(row, shared_slots):
                return problem
        return None

    def _run(self, item: DecodeItem, shared_slots: Collection[int]) -> str | None:
        """Checks the tokens of an item."""
        if item.slot in shared_slots:
            return f"slot {item.slot} is fed twice in one step"
        if not item.token_ids:
            return "a run has no token"
        fed = item.token_ids + item.speculative_token_ids
        if item.tolerances and len(item.tolerances) != len(item.speculative_token_ids):
            return "tolerances are not one for each speculative token"
        last = item.position + len(fed) - 1
        if last >= self._limits.max_slot_tokens:
            return f"position {last} is beyond the cache"
        if item.probed_token is not None:
            fed = (*fed, item.probed_token)
        if min(fed) < 0 or max(fed) >= self._model.vocabulary_size:
            return "token_ids are outside the vocabulary"
        return None if item.constraint is UNCONSTRAINED else self._biases.problem(item.constraint)

    def text_to_unit(self, item: TextToUnitItem) -> str | None:
        """The item's tokens must be the first tokens that the slot was fed."""
        speech = self._model.speech
        if speech is None:
            return NO_SPEECH
        entry = self._ledger.find(item.key, item.slot)
        if entry is None:
            return f"slot {item.slot} does not hold this sequence"
        if len(item.token_ids) < 2 or item.token_ids != tuple(entry.fed_token_ids[: len(item.token_ids)]):
            return "token_ids are not what was fed"
        context = item.context_tokens, item.lookahead_tokens
        if min(context) < 0 or sum(context) > len(item.token_ids):
            return f"{context[0]} + {context[1]} tokens of {len(item.token_ids)} are context"
        if not 0 <= item.dropped_context_tokens <= max(0, context[0] - speech.prompt_tokens):
            return f"{item.dropped_context_tokens} tokens are left out of {context[0]} that are context"
        if item.language not in self._capabilities.speech_languages:
            return f"language {item.language!r} has no speech"
        if not (math.isfinite(item.duration_factor) and item.duration_factor > 0):
            return "duration_factor must be a positive number"
        if not 0 < item.pause_factor <= 1:
            return "pause_factor must be above 0 and at most 1"
        return None

    def vocode(self, item: VocodeItem) -> str | None:
        """The item's units, their range and its voice must exist."""
        speech = self._model.speech
        if speech is None:
            return NO_SPEECH
        if item.language not in self._capabilities.speech_languages:
            return f"language {item.language!r} has no speech"
        if not 0 <= item.speaker_id < self._capabilities.speaker_count:
            return f"speaker_id {item.speaker_id} is not in [0, {self._capabilities.speaker_count})"
        if not 0 <= item.start_unit < item.end_unit <= len(item.units):
            return f"units [{item.start_unit}, {item.end_unit}) of {len(item.units)} do not exist"
        if item.units.min() < 0 or item.units.max() >= speech.unit_count:
            return f"units must lie in [0, {speech.unit_count})"
        return None
