"""A SeamlessM4T v2 checkpoint directory: verifies it and loads parts of it.

Required files, as ``save_pretrained`` writes them: ``config.json``, ``generation_config.json``,
``preprocessor_config.json`` (or ``processor_config.json``, which holds the same values), the tokenizer files,
and ``model.safetensors`` or its sharded form.

Optional files:

* ``speakers.json`` (``{"eng": [3, 5], ...}``): the vocoder's speaker ids by language, the default one first.
* ``MANIFEST.sha256``: lines as ``sha256sum`` writes them. ``manifest`` states when it is verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.models.checkpoint.kept_products import KeptProducts, kept_products
from translate_svc.models.checkpoint.manifest import check_manifest
from translate_svc.models.checkpoint.weights import WeightFiles
from translate_svc.models.linear.packed_linear import prepare_alone
from translate_svc.models.precision import Precision
from translate_svc.models.seamless.encoder.features import FeatureExtractor
from translate_svc.models.seamless.t2u.characters import CharacterTable


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint(CheckpointDescription):
    """A verified directory. Weights are read when a module is loaded."""

    weights: WeightFiles

    @classmethod
    def open(cls, path: Path) -> Checkpoint:
        """Reads and verifies everything except the weights' values.

        Raises:
            CheckpointError: a file is missing, incomplete, of another model, or contradicts ``config.json``.
        """
        if not path.is_dir():
            raise CheckpointError("no such directory", field=path.name)
        check_manifest(path)
        described = CheckpointDescription.read(path)
        return cls(path, described.config, described.maps, described.speakers, WeightFiles(path))

    def character_table(self) -> CharacterTable:
        """The characters of each text token, which text-to-unit needs."""
        config = self.config
        silent = {config.pad_token_id, config.bos_token_id, config.eos_token_id}
        return CharacterTable(
            self.maps.id_to_text,
            self.maps.char_to_id,
            silent_ids=silent.union(self.maps.text_languages.values()),
        )

    def feature_extractor(self) -> FeatureExtractor:
        """Turns samples into the features that this checkpoint was trained on.

        Raises:
            CheckpointError: the description of the features is missing or asks for other features.
        """
        extractor = FeatureExtractor.from_pretrained(self.path)
        if extractor.feature_size != self.config.feature_projection_input_dim:
            raise CheckpointError(
                f"makes {extractor.feature_size} numbers a frame, config.json asks for "
                f"{self.config.feature_projection_input_dim}",
                field=extractor.config_file,
            )
        return extractor

    def products(self, precision: Precision) -> KeptProducts | None:
        """What ``load`` takes: the int8 products of a large model, or of one that was reduced to them. None
        in another precision.

        Raises:
            CheckpointError: it was reduced to them, and they are missing or damaged.
        """
        return kept_products(self.path, precision)

    def load(
        self,
        module: nn.Module,
        prefix: str,
        *,
        device: torch.device,
        precision: Precision,
        products: KeptProducts | None = None,
    ) -> None:
        """Fills a module of this package with the weights whose names start with ``prefix``, and
        converts them to the form that it computes with.

        Raises:
            CheckpointError: weights are missing, incomplete, or do not fit ``config.json``.
        """
        self.weights.load(
            module, prefix, device=device, precision=precision, loaded=prepare_alone, products=products
        )
