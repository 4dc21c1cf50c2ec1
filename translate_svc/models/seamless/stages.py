"""The stages of a SeamlessM4T v2 model that have matrix products, as modules without weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.models.checkpoint.reduction import Stages
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder
from translate_svc.models.seamless.encoder.text_encoder import TextEncoder
from translate_svc.models.seamless.t2u.t2u import TextToUnit


def stages_with_products(folder: Path) -> Stages:
    """All but the vocoder, with the prefixes of their names. They have the smallest sizes that no weight
    depends on.

    Raises:
        CheckpointError: the directory does not describe such a model.
    """
    config = CheckpointDescription.read(folder).config
    with torch.device("meta"):
        modules: list[tuple[str, nn.Module]] = [
            ("text_decoder.", TextDecoder(config, max_slot_tokens=1, alignment_layer=0)),
            ("speech_encoder.", SpeechEncoder(config)),
            ("text_encoder.", TextEncoder(config, max_tokens=1)),
            ("t2u_model.", TextToUnit(config)),
        ]
    return Stages(modules)
