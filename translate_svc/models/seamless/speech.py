"""Text-to-unit and vocoder of a SeamlessM4T v2 checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.placement import processor_of
from translate_svc.models.precision import BFLOAT16, FLOAT32, Precision
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.t2u.t2u_runner import T2uRunner
from translate_svc.models.seamless.tokenizer import PROMPT_TOKENS
from translate_svc.models.seamless.vocoder.piecewise_vocoder import PiecewiseVocoder, VocoderInput
from translate_svc.models.seamless.vocoder.vocoder import Vocoder, Voice
from translate_svc.models.speech_model import PieceInput, SpeechUnits, T2uInput
from translate_svc.types import Samples


class SeamlessSpeech:
    """Implements ``SpeechSynthesis``.

    Args:
        checkpoint: a verified checkpoint; the weights of both stages are loaded here.
        states: the text decoder's states, ``[slots, columns, hidden]``, on ``device``.
        device: where to compute.
        precision: of text-to-unit; ``convolution_precision`` says that of the vocoder.
        products: as ``Checkpoint.load`` takes them.

    Attributes:
        t2u: the loaded text-to-unit.
        vocoder: the loaded vocoder.
        texts: runs texts through text-to-unit.
        pieces: runs pieces through the vocoder.

    Raises:
        CheckpointError: the weights are incomplete or do not fit the configuration.
    """

    prompt_tokens = PROMPT_TOKENS

    def __init__(
        self,
        checkpoint: Checkpoint,
        states: Tensor,
        *,
        device: torch.device,
        precision: Precision,
        products: KeptProducts | None = None,
    ) -> None:
        with torch.device("meta"):
            text_to_unit, vocoder = TextToUnit(checkpoint.config), Vocoder(checkpoint.config)
        checkpoint.load(text_to_unit, "t2u_model.", device=device, precision=precision, products=products)
        convolutions = convolution_precision(precision, device)
        checkpoint.load(vocoder, "vocoder.", device=device, precision=convolutions)
        if precision.int8_products:
            text_to_unit.lower_convolutions(convolutions.compute)
        self.unit_count = checkpoint.config.unit_hifi_gan_vocab_size
        self.t2u, self.vocoder = text_to_unit, vocoder
        self.texts = T2uRunner(text_to_unit, states, checkpoint.character_table())
        self.pieces = PiecewiseVocoder(vocoder, device)
        self._languages = checkpoint.maps.vocoder_languages

    def text_to_unit(self, texts: Sequence[T2uInput]) -> list[SpeechUnits | EngineError]:
        """Implements ``SpeechSynthesis.text_to_unit``. The states are those kept in the texts' slots."""
        return self.texts.speeches(texts)

    def vocode(self, pieces: Sequence[PieceInput]) -> list[Samples | EngineError]:
        """Implements ``SpeechSynthesis.vocode``."""
        voices = [Voice(self._languages[each.language], each.speaker_id) for each in pieces]
        return self.pieces.waveforms(
            [
                VocoderInput(each.units, each.start, each.end, voice)
                for each, voice in zip(pieces, voices, strict=True)
            ]
        )


def convolution_precision(precision: Precision, device: torch.device) -> Precision:
    """What the vocoder computes in: float32, or bfloat16 where the rest is no more exact and the CPU
    multiplies it, in half the time. The difference lies 37 dB under the speech. In int8, the convolutions of
    text-to-unit follow; those that predict durations do not.
    """
    lowered = precision.int8_products or precision is BFLOAT16
    return BFLOAT16 if lowered and device.type == "cpu" and processor_of("cpu").bfloat16 else FLOAT32
