"""The stages of a Whisper model that have matrix products, as modules without weights."""

from __future__ import annotations

from pathlib import Path

import torch

from translate_svc.models.checkpoint.reduction import Stages
from translate_svc.models.whisper.checkpoint import stored_name
from translate_svc.models.whisper.decoder import WhisperDecoder
from translate_svc.models.whisper.description import WhisperDescription
from translate_svc.models.whisper.encoder import WhisperEncoder


def stages_with_products(folder: Path) -> Stages:
    """Both. The directory need not have weights.

    Raises:
        CheckpointError: the directory does not describe such a model.
    """
    config = WhisperDescription.read(folder).config
    with torch.device("meta"):
        modules = [
            ("model.encoder.", WhisperEncoder(config)),
            ("model.decoder.", WhisperDecoder(config, max_slot_tokens=1, alignment_layer=0)),
        ]
    return Stages(modules, stored_name)
