"""What stage 1 trains and the losses it trains by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers import SeamlessM4Tv2Model

from training.starter import batching
from training.starter.corpus import TextPair
from training.starter.model_config import HIDDEN_SIZE, starter_config
from training.starter.speech_forward import decode, encode_speech, pad_states
from training.starter.tokenizer import StarterTokenizer

STAGE_PREFIXES = ("shared.", "text_encoder.", "speech_encoder.", "text_decoder.", "lm_head.")

_LABEL_SMOOTHING = 0.1


class TextStage(nn.Module):
    """The parts of the model that stage 1 trains, and its CTC head."""

    def __init__(self, tokenizer: StarterTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.characters = {
            character: index for index, character in enumerate([" ", *tokenizer.characters()], start=1)
        }
        self.model = SeamlessM4Tv2Model(starter_config())
        self.ctc_head = nn.Linear(HIDDEN_SIZE, len(self.characters) + 1)

    def trained_parameters(self, *, speech_encoder_only: bool) -> list[nn.Parameter]:
        model = self.model
        modules: tuple[nn.Module, ...] = (model.speech_encoder,)
        if not speech_encoder_only:
            modules = (*modules, model.shared, model.text_encoder, model.text_decoder, model.lm_head)
        unique = {
            parameter: None for module in (*modules, self.ctc_head) for parameter in module.parameters()
        }
        return list(unique)

    def losses(
        self, examples: Sequence[batching.Example], pairs: Sequence[TextPair], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Cross-entropies of speech -> text (both languages) and text -> text; the CTC loss a character."""
        model, tokenizer = self.model, self.tokenizer
        encoded = encode_speech(model, *batching.stack_features(examples, rng))
        ids, ids_mask = batching.encoder_batch(
            tokenizer, [pair.source_text for pair in pairs], [pair.language for pair in pairs]
        )
        text_states = model.text_encoder(input_ids=ids, attention_mask=ids_mask).last_hidden_state
        speech = (encoded.states, encoded.mask)
        states, mask = pad_states([speech, speech, (text_states, ids_mask)])
        targets = batching.decoder_batch(
            tokenizer,
            [text for group in (
                [example.target_text for example in examples],
                [example.source_text for example in examples],
                [pair.target_text for pair in pairs],
            ) for text in group],
            [example.target_language for example in examples]
            + [example.language for example in examples]
            + [batching.other_language(pair.language) for pair in pairs],
        )  # fmt: skip
        logits = decode(model, targets.input_ids, states, mask)
        speech_rows = 2 * len(examples)
        return {
            "speech": self._cross_entropy(logits[:speech_rows], targets.labels[:speech_rows]),
            "text": self._cross_entropy(logits[speech_rows:], targets.labels[speech_rows:]),
            "ctc": self._ctc(encoded.frames, examples),
        }

    @staticmethod
    def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(
            logits.flatten(0, 1),
            labels.flatten(),
            ignore_index=batching.IGNORED,
            label_smoothing=_LABEL_SMOOTHING,
        )

    def _ctc(self, frames: Tensor, examples: Sequence[batching.Example]) -> Tensor:
        targets = batching.character_targets(examples, self.characters)
        log_probabilities = self.ctc_head(frames).log_softmax(-1).transpose(0, 1)
        counts = torch.tensor([len(example.features) for example in examples])
        loss = nn.functional.ctc_loss(
            log_probabilities, targets.ids, counts, targets.counts, reduction="sum", zero_infinity=True
        )
        return loss / max(1, int(targets.counts.sum()))


def stage_weights(model: SeamlessM4Tv2Model) -> dict[str, Tensor]:
    """The state dict's entries of this stage, each with memory of its own, as safetensors wants it."""
    return {
        name: tensor.detach().clone().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(STAGE_PREFIXES)
    }
