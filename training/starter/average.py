"""After stage 1 of a continued training: `python -m training.starter.average --from model_cache/starter`

The weights of build/starter/text.safetensors become the average of what they are and of the checkpoint that
the training began with. Such an average hears held-out speech better than either end (WiSE-FT, Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022). Text-to-unit is trained after it, on the decoder that is
shipped.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.starter.learning.text_stage import SHARED_NAMES
from training.starter.train_text import WEIGHTS_FILE_NAME

TRAINED_SHARE = 0.6


def averaged(trained: Mapping[str, Tensor], before: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """``share`` of the trained weights, the rest of those ``before``, which may have more names.

    A checkpoint stores the embedding matrix once, so its other names are left out here too.

    Raises:
        ValueError: those before lack a tensor, or have one of another shape.
    """
    trained = {name: tensor for name, tensor in trained.items() if not name.endswith(SHARED_NAMES)}
    for name, tensor in trained.items():
        if name not in before or before[name].shape != tensor.shape:
            raise ValueError(f"{name}: the weights before have none of this shape, so there is no average")
    return {
        name: torch.lerp(before[name].float(), tensor.float(), share).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor
        for name, tensor in trained.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--from", dest="before", type=Path, required=True, help="what training began with")
    parser.add_argument("--share", type=float, default=TRAINED_SHARE, help="of the trained weights")
    arguments = parser.parse_args()
    path = arguments.work / WEIGHTS_FILE_NAME
    made = averaged(load_file(path), load_file(arguments.before / "model.safetensors"), arguments.share)
    save_file(made, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)
    print(f"{path}: {arguments.share:g} trained, the rest of {arguments.before}")


if __name__ == "__main__":
    main()
