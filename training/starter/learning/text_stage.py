"""What stage 1 trains and the losses it trains by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers import SeamlessM4Tv2Model

from training.starter.examples import batching
from training.starter.grammar import LANGUAGES
from training.starter.learning.schedule import Run
from training.starter.learning.speech_forward import EncodedSpeech, decode, encode_speech, pad_states
from training.starter.model_config import HIDDEN_SIZE, starter_config
from training.starter.tokenizer import StarterTokenizer

STAGE_PREFIXES = ("shared.", "text_encoder.", "speech_encoder.", "text_decoder.", "lm_head.")
SHARED_NAMES = ("embed_tokens.weight", "lm_head.weight")
"""How the names end under which the model has its one embedding matrix beside `shared.weight`."""


class TextStage(nn.Module):
    """The parts of the model that stage 1 trains, and its CTC head."""

    def __init__(self, tokenizer: StarterTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.characters = {
            character: index for index, character in enumerate([" ", *tokenizer.characters()], start=1)
        }
        self.model = SeamlessM4Tv2Model(starter_config())
        self.model.set_attn_implementation("eager")  # on so short rows twice as fast as the fused kernel
        self.ctc_head = nn.Linear(HIDDEN_SIZE, len(self.characters) + 1)

    @property
    def device(self) -> torch.device:
        return self.ctc_head.weight.device

    def trained_parameters(self, run: Run) -> list[Tensor]:
        """The parameters that a run of this kind trains, each once."""
        model = self.model
        hearing = (model.speech_encoder, self.ctc_head)
        reading = (model.shared, model.text_encoder, model.text_decoder, model.lm_head)
        modules: tuple[nn.Module, ...] = {
            Run.WHOLE: (*hearing, *reading),
            Run.REFINE: hearing,
            Run.READ: reading,
        }[run]
        return list({parameter: None for module in modules for parameter in module.parameters()})

    def losses(
        self,
        examples: Sequence[batching.Example],
        pairs: Sequence[batching.TextPair],
        rng: np.random.Generator,
    ) -> dict[str, Tensor]:
        """Cross-entropies a token of speech -> text and of text -> text, and the CTC loss a character.

        One pass of the speech encoder, which is what a step costs, serves four rows of the decoder: the
        transcript and the translations into all other languages.
        """
        rows = [(example, language) for example in examples for language in LANGUAGES]
        with bfloat16_products(self.device):
            features, counts = batching.stack_features(examples, rng)
            encoded = encode_speech(self.model, features.to(self.device), counts.to(self.device))
            ids, ids_mask = batching.encoder_batch(
                self.tokenizer, [pair.source_text for pair in pairs], [pair.source_language for pair in pairs]
            )
            ids, ids_mask = ids.to(self.device), ids_mask.to(self.device)
            text_states = self.model.text_encoder(input_ids=ids, attention_mask=ids_mask).last_hidden_state
            times = len(LANGUAGES)
            speech = (encoded.states.repeat_interleave(times, 0), encoded.mask.repeat_interleave(times, 0))
            states, mask = pad_states([speech, (text_states, ids_mask)])
            batch = batching.decoder_batch(
                self.tokenizer,
                [example.texts[language] for example, language in rows]
                + [pair.target_text for pair in pairs],
                [language for _, language in rows] + [pair.target_language for pair in pairs],
                [example.prefixes[language] for example, language in rows] + [""] * len(pairs),
            )
            logits = decode(self.model, batch.input_ids.to(self.device), states, mask)
            ctc = self._ctc(encoded, examples, counts)
        labels = batch.labels.to(self.device)
        return {
            "speech": self._cross_entropy(logits[: len(rows)], labels[: len(rows)]),
            "text": self._cross_entropy(logits[len(rows) :], labels[len(rows) :]),
            "ctc": ctc,
        }

    @staticmethod
    def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        real = labels != batching.IGNORED
        return nn.functional.cross_entropy(logits[real].float(), labels[real])

    def _ctc(self, encoded: EncodedSpeech, examples: Sequence[batching.Example], counts: Tensor) -> Tensor:
        targets = batching.character_targets(examples, self.characters)
        log_probabilities = self.ctc_head(encoded.frames).float().log_softmax(-1).transpose(0, 1)
        loss = nn.functional.ctc_loss(
            log_probabilities,
            targets.ids.to(self.device),
            counts,
            targets.counts,
            reduction="sum",
            zero_infinity=True,
        )
        return loss / max(1, int(targets.counts.sum()))


def bfloat16_products(device: torch.device) -> torch.autocast:
    """Matrix products in bfloat16 where the hardware has them: four times as fast on such a CPU.

    Weights, optimizer and losses stay in float32.
    """
    has_them = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=has_them)


def stage_weights(model: SeamlessM4Tv2Model) -> dict[str, Tensor]:
    """The state dict's entries of this stage, each with memory of its own, as safetensors wants it."""
    return {
        name: tensor.detach().cpu().clone().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(STAGE_PREFIXES)
    }
