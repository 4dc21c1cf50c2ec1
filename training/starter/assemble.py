"""Stage 4: one checkpoint directory out of what the stages left in build/starter/.

`python -m training.starter.assemble` writes model_cache/starter/: weights in fp16, configurations,
tokenizer, speakers, model card, sha256 manifest; then loads the directory with transformers and translates a
sentence of every language, once with each speaker; at last calibrates it for simultaneous translation, and
how sure it is. A stage that has not run yet keeps its random weights: the directory loads all the same,
which is enough to build against.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    SeamlessM4TFeatureExtractor,
    SeamlessM4TProcessor,
    SeamlessM4TTokenizer,
    SeamlessM4Tv2Model,
)

from training.starter.grammar import LANGUAGES, Language
from training.starter.learning.text_stage import SHARED_NAMES
from training.starter.model_config import generation_config, starter_config
from training.starter.synthesis.synth import SAMPLE_RATE
from training.starter.synthesis.target_speech import HOP_SAMPLES
from training.starter.synthesis.voices import SPEAKER_IDS
from training.starter.tokenizer import LANGUAGE_CODES, StarterTokenizer
from training.starter.train_vocoder import fix_durations
from translate_svc.cli.commands.calibrate import calibrate_by_labels, calibrate_checkpoint
from translate_svc.models.alignment.alignment_file import ALIGNMENT_FILE, write_alignment
from translate_svc.models.checkpoint.cascade_options import CASCADE_FILE, write_cascade_options
from translate_svc.models.checkpoint.utterance_lengths import UTTERANCES_FILE, write_lengths
from translate_svc.models.confidence.confidence_file import CONFIDENCE_FILE, write_confidence
from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.spoken_languages.languages_file import LANGUAGES_FILE

STAGE_FILES = ("text.safetensors", "t2u.safetensors", "vocoder.safetensors")
MODEL_CARD = Path(__file__).parent / "model_card.md"
MAX_WEIGHT_BYTES = 32_000_000
_WEIGHTS, _MANIFEST = "model.safetensors", "MANIFEST.sha256"
_NOT_IN_MANIFEST = {_MANIFEST, "README.md"}  # the card is prose; it may be amended without touching the model

CHECK_SENTENCES: Mapping[Language, str] = {
    "eng": "Where is the station?",
    "spa": "¿Dónde está la estación?",
    "fra": "Où est la gare?",
    "deu": "Wo ist der Bahnhof?",
}

_OF_THIS_MACHINE = {"is_local", "local_files_only"}  # transformers notes how the tokenizer was loaded


class AssemblyError(RuntimeError):
    """A stage's file does not fit the model, or the assembled directory does not work."""


def gather_weights(work: Path) -> tuple[dict[str, Tensor], list[str]]:
    """All tensors of the model in fp16, and the names of the stage files that are not there yet."""
    torch.manual_seed(0)
    model = SeamlessM4Tv2Model(starter_config())
    fix_durations(model.vocoder)
    absent = [name for name in STAGE_FILES if not (work / name).exists()]
    for name in STAGE_FILES:
        if name in absent:
            continue
        result = model.load_state_dict(load_file(work / name), strict=False)
        if result.unexpected_keys:
            raise AssemblyError(f"{name}: the model has no {result.unexpected_keys[:3]}")
    # Several names share the embedding matrix; one of them is stored, transformers ties the rest.
    tensors: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():  # names each shared tensor once
        tensors[name] = parameter.detach().half().contiguous()
    for name, buffer in model.state_dict().items():
        is_shared = name.endswith(SHARED_NAMES)
        if name not in tensors and not is_shared:
            tensors[name] = (buffer.half() if buffer.is_floating_point() else buffer).contiguous()
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise AssemblyError(f"{name}: not finite in fp16")
    return tensors, absent


def write_directory(work: Path, folder: Path) -> list[str]:
    """Writes every file; returns the stages that are still untrained."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (ALIGNMENT_FILE, CASCADE_FILE, CONFIDENCE_FILE, LANGUAGES_FILE, UTTERANCES_FILE):
        (folder / name).unlink(missing_ok=True)  # of the weights before
    tensors, absent = gather_weights(work)
    save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})
    (folder / _WEIGHTS).chmod(0o644)
    size = (folder / _WEIGHTS).stat().st_size
    if size >= MAX_WEIGHT_BYTES:
        raise AssemblyError(f"{_WEIGHTS}: {size} bytes, at most {MAX_WEIGHT_BYTES} are wanted")
    config = starter_config()
    config.architectures = [SeamlessM4Tv2Model.__name__]
    config.dtype = torch.float16
    config.save_pretrained(folder)
    for source in sorted((work / "tokenizer").iterdir()):
        if source.is_file():
            shutil.copyfile(source, folder / source.name)
    maps = dict(generation_config(StarterTokenizer.load(folder)))
    _write_json(folder / "generation_config.json", maps | {"transformers_version": transformers.__version__})
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    for name in ("preprocessor_config.json", "tokenizer_config.json"):  # AutoProcessor looks for this field
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        local = {key: value for key, value in content.items() if key not in _OF_THIS_MACHINE}
        _write_json(folder / name, local | {"processor_class": SeamlessM4TProcessor.__name__})
    _write_json(folder / "speakers.json", {code: list(SPEAKER_IDS) for code in LANGUAGE_CODES})
    shutil.copyfile(MODEL_CARD, folder / "README.md")
    write_manifest(folder)
    return absent


def write_manifest(folder: Path) -> None:
    """`sha256sum -c MANIFEST.sha256` verifies it."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in _NOT_IN_MANIFEST)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / _MANIFEST).write_text("".join(lines), encoding="utf-8")


def check_with_transformers(folder: Path, *, trained: bool) -> None:
    """Loads the directory as anyone would and, once trained, makes text and speech. Raises AssemblyError."""
    model, report = SeamlessM4Tv2Model.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True, local_files_only=True
    )
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[kind]:
            raise AssemblyError(f"{_WEIGHTS}: {kind}: {sorted(report[kind])[:3]}")
    tokenizer = SeamlessM4TTokenizer.from_pretrained(folder, local_files_only=True)
    own = StarterTokenizer.load(folder)
    for language, sentence in CHECK_SENTENCES.items():
        ids = tokenizer(sentence, src_lang=language)["input_ids"]
        if ids[1:-1] != own.encode(sentence) or ids[0] != own.language_id(language):
            raise AssemblyError(f"tokenizer.json disagrees with sentencepiece.bpe.model about {sentence!r}")
        if trained:  # transformers cannot make speech of the empty text that untrained weights may write
            _check_speech(model.eval(), tokenizer, ids, language)


def write_calibration(folder: Path) -> None:
    """What `translate-svc calibrate` writes, which the manifest then names."""
    checkpoint = open_checkpoint(folder)
    placement = Placement("cpu", FLOAT32)
    alignment = calibrate_checkpoint(checkpoint, placement, clips=None, console=Console())
    write_alignment(folder, alignment)
    write_manifest(folder)
    rule, lengths, cascade = calibrate_by_labels(folder, placement, labelled=None, console=Console())
    write_cascade_options(folder, cascade)
    write_confidence(folder, rule)
    write_lengths(folder, lengths)
    write_manifest(folder)


def _check_speech(
    model: SeamlessM4Tv2Model, tokenizer: SeamlessM4TTokenizer, ids: list[int], language: Language
) -> None:
    """Translates into the next language, once with each speaker; only the waveform may differ."""
    target = LANGUAGES[(LANGUAGES.index(language) + 1) % len(LANGUAGES)]
    outputs = [
        model.generate(
            input_ids=torch.tensor([ids]), tgt_lang=target, speaker_id=speaker_id,
            return_intermediate_token_ids=True,
        )
        for speaker_id in SPEAKER_IDS
    ]  # fmt: skip
    text = tokenizer.decode(outputs[0].sequences[0], skip_special_tokens=True)
    waveforms = [output.waveform.flatten() for output in outputs]
    seconds = len(waveforms[0]) / SAMPLE_RATE
    print(f"{language} -> {target}: {text!r}, {seconds:.2f} s of speech")
    if {len(waveform) % HOP_SAMPLES for waveform in waveforms} != {0}:
        raise AssemblyError("vocoder: not 320 samples a unit")
    if not all(bool(torch.isfinite(waveform).all()) for waveform in waveforms):
        raise AssemblyError("vocoder: a sample is not finite")
    if len({len(waveform) for waveform in waveforms}) != 1 or torch.equal(*waveforms):
        raise AssemblyError("vocoder: its speakers do not say the same in voices of their own")


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("build/starter"))
    parser.add_argument("--out", type=Path, default=Path("model_cache/starter"))
    arguments = parser.parse_args()
    absent = write_directory(arguments.work, arguments.out)
    check_with_transformers(arguments.out, trained=not absent)
    if not absent:
        write_calibration(arguments.out)
    print(f"{arguments.out}: complete" if not absent else f"{arguments.out}: untrained: {', '.join(absent)}")


if __name__ == "__main__":
    main()
