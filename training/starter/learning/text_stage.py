"""What stage 1 trains and the losses it trains by."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import SeamlessM4Tv2Model

from training.starter.examples import batching
from training.starter.grammar import LANGUAGES
from training.starter.learning.schedule import Run
from training.starter.learning.speech_forward import EncodedSpeech, decode, encode_speech, pad_states
from training.starter.learning.step_inputs import StepInputs, character_table
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
        self.model = SeamlessM4Tv2Model(starter_config())
        self.model.set_attn_implementation("eager")  # on so short rows twice as fast as the fused kernel
        self.ctc_head = nn.Linear(HIDDEN_SIZE, len(character_table(tokenizer)) + 1)

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

    def losses(self, step: StepInputs) -> dict[str, Tensor]:
        """Cross-entropies a token of speech -> text and of text -> text, and the CTC loss a character.

        One pass of the speech encoder, which is what a step costs, serves four rows of the decoder: the
        transcript and the translations into all other languages.
        """
        lengths = step.frame_counts, step.character_counts
        step = step.to(self.device)
        with bfloat16_products(self.device):
            encoded = encode_speech(self.model, step.features, step.frame_counts)
            text_states = self.model.text_encoder(
                input_ids=step.source_ids, attention_mask=step.source_mask
            ).last_hidden_state
            times = len(LANGUAGES)
            speech = (encoded.states.repeat_interleave(times, 0), encoded.mask.repeat_interleave(times, 0))
            states, mask = pad_states([speech, (text_states, step.source_mask)])
            logits = decode(self.model, step.input_ids, states, mask)
            ctc = self._ctc(encoded, step.character_ids, *lengths)
        heard = times * len(step.features)
        return {
            "speech": self._cross_entropy(logits[:heard], step.labels[:heard]),
            "text": self._cross_entropy(logits[heard:], step.labels[heard:]),
            "ctc": ctc,
        }

    @staticmethod
    def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        rows = logits.flatten(0, 1).float()
        return nn.functional.cross_entropy(rows, labels.flatten(), ignore_index=batching.IGNORED)

    def _ctc(self, encoded: EncodedSpeech, ids: Tensor, frame_counts: Tensor, counts: Tensor) -> Tensor:
        """The counts are on the CPU, where the loss wants them; it would wait for a GPU's."""
        log_probabilities = self.ctc_head(encoded.frames).float().log_softmax(-1).transpose(0, 1)
        loss = nn.functional.ctc_loss(
            log_probabilities,
            ids,
            frame_counts,
            counts,
            reduction="sum",
            zero_infinity=True,
        )
        return loss / max(1, len(ids))


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
