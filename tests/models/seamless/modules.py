"""The stages of this package with a checkpoint's weights, for tests of one stage at a time."""

from __future__ import annotations

import functools
from typing import TypeVar

import torch
from torch import Tensor, nn

from tests.checkpoints import checkpoint_folder
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.greedy import GreedyChoice
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.models.decoded_step import ALL_OPTIONAL_FIELDS, DecodedStep, StepFields
from translate_svc.models.decoder.decoder_cache import DecoderCache
from translate_svc.models.precision import FLOAT32, Precision
from translate_svc.models.runs import Runs
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder
from translate_svc.models.seamless.encoder.text_encoder import TextEncoder
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.vocoder.vocoder import Vocoder
from translate_svc.types import Samples

CPU = torch.device("cpu")
MAX_TOKENS = 40
Stage = TypeVar("Stage", bound=nn.Module)


@functools.cache
def checkpoint(name: str) -> Checkpoint:
    return Checkpoint.open(checkpoint_folder(name))


def _filled(name: str, module: Stage, prefix: str, precision: Precision = FLOAT32) -> Stage:
    checkpoint(name).load(module, prefix, device=CPU, precision=precision)
    return module


@functools.cache
def speech_encoder(name: str) -> SpeechEncoder:
    return _filled(name, SpeechEncoder(checkpoint(name).config), "speech_encoder.")


@functools.cache
def text_encoder(name: str) -> TextEncoder:
    return _filled(name, TextEncoder(checkpoint(name).config, max_tokens=MAX_TOKENS), "text_encoder.")


@functools.cache
def text_decoder(name: str) -> TextDecoder:
    config = checkpoint(name).config
    return _filled(name, TextDecoder(config, max_slot_tokens=MAX_TOKENS, alignment_layer=1), "text_decoder.")


@functools.cache
def text_to_unit(name: str) -> TextToUnit:
    return _filled(name, TextToUnit(checkpoint(name).config), "t2u_model.")


@functools.cache
def vocoder(name: str, precision: Precision = FLOAT32) -> Vocoder:
    return _filled(name, Vocoder(checkpoint(name).config), "vocoder.", precision)


def new_cache(name: str, *, slots: int, max_encoder_frames: int = 40) -> DecoderCache:
    return DecoderCache(
        checkpoint(name).config,
        max_slots=slots,
        max_slot_tokens=MAX_TOKENS,
        max_encoder_frames=max_encoder_frames,
        device=CPU,
        dtype=torch.float32,
    )


def encoder_inputs(name: str, *waveforms: Samples) -> tuple[Tensor, list[int], list[int]]:
    """Features, lengths and present frames, as the speech encoder takes them."""
    extractor = checkpoint(name).feature_extractor()
    features, lengths = extractor(waveforms)
    present = [extractor.stacked_frames(len(wave) + extractor.hop_samples) for wave in waveforms]
    features = nn.functional.pad(features, (0, 0, 0, max(present) - features.shape[1]))
    return features, lengths, present


@functools.cache
def greedy(name: str, slots: int = 20) -> GreedyChoice:
    """Without any constraint."""
    vocabulary = checkpoint(name).config.vocab_size
    return GreedyChoice(ConstraintBiases({}, slots=slots, vocabulary_size=vocabulary, device=CPU))


def decoded(
    name: str, cache: DecoderCache, fed: Runs, fields: StepFields = ALL_OPTIONAL_FIELDS
) -> DecodedStep:
    """One pass of the text decoder, and the greedy choice."""
    made = text_decoder(name).decode(cache, fed, fields)
    return DecodedStep.of(made, greedy(name).of_rows(made.logits, {}))
