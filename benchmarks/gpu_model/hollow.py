"""SeamlessM4T v2 at its published size without weights, on PyTorch's device ``meta``: it has shapes alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest import mock

import torch
import transformers
from torch import nn

from benchmarks.throughput.random_checkpoint import write_description
from translate_svc.engine.options import EngineLimits
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.models.checkpoint.kept_products import KeptProducts
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.linear.packed_linear import prepare
from translate_svc.models.precision import BFLOAT16, Precision
from translate_svc.models.seamless.seamless_model import SeamlessModel

META = torch.device("meta")
_VOCODER = "vocoder."


@dataclass(frozen=True, slots=True, eq=False)
class HollowCheckpoint(Checkpoint):
    """A checkpoint whose weights are nowhere. ``vocoder_dtype``: what the vocoder computes in."""

    vocoder_dtype: torch.dtype

    @classmethod
    def write(cls, folder: Path, vocoder_dtype: torch.dtype) -> HollowCheckpoint:
        """Writes the published sizes into ``folder``."""
        write_description(folder, transformers.SeamlessM4Tv2Config())
        read = CheckpointDescription.read(folder)
        nowhere = cast("WeightFiles", None)
        return cls(read.path, read.config, read.maps, read.speakers, nowhere, vocoder_dtype)

    def products(self, precision: Precision) -> None:
        """None: nothing is kept beside the weights."""

    def load(
        self,
        module: nn.Module,
        prefix: str,
        *,
        device: torch.device,
        precision: Precision,
        products: KeptProducts | None = None,
    ) -> None:
        """Gives the module shapes in place of weights, and converts them as weights are converted."""
        module.requires_grad_(False).eval()
        module.to(device, self.vocoder_dtype if prefix == _VOCODER else precision.compute)
        module.load_state_dict(module.state_dict())
        torch.empty(1, device=device).mul(2.0)  # imports what shall not see the patched attribute
        # a packed matrix waits for weights that come later if it is made of ``meta``: none will come
        with mock.patch.object(torch.Tensor, "is_meta", False):
            prepare(module)


def hollow_model(
    folder: Path, limits: EngineLimits, vocoder_dtype: torch.dtype = torch.float32
) -> tuple[SeamlessModel, HollowCheckpoint]:
    """The model in bfloat16, as on a GPU, and its checkpoint."""
    logging.getLogger("translate_svc").setLevel(logging.ERROR)
    transformers.utils.logging.set_verbosity_error()
    checkpoint = HollowCheckpoint.write(folder, vocoder_dtype)
    return SeamlessModel(checkpoint, limits.model_limits, device=META, precision=BFLOAT16), checkpoint
