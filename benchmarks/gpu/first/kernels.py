"""Part A: what the libraries choose and what single kernels take. It needs no checkpoint."""

from __future__ import annotations

import functools
import platform
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from torch import Tensor

from benchmarks.gpu.first.place import Place
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.greedy import GreedyChoice
from translate_svc.models.decoded_step import ALL_OPTIONAL_FIELDS, DecodedStep
from translate_svc.models.decoder.decoder_cache import AttentionMetadata, DecoderCache, GraphBucket
from translate_svc.models.graphs.captured_graph import CapturedGraph
from translate_svc.models.layers.convolution import Convolution
from translate_svc.models.layers.depthwise import WAYS
from translate_svc.models.linear.packed_linear import prepare
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder

_CHAINED = 200
_REACH = GraphBucket(64, 64)


def versions(place: Place) -> dict[str, Any]:
    """Of everything that decides what is computed how."""
    figures: dict[str, Any] = {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": np.__version__,
        "host": platform.platform(),
        "tf32, cudnn": torch.backends.cudnn.allow_tf32,
        "tf32, products": torch.backends.cuda.matmul.allow_tf32,
        "cudnn attention": _cudnn_attention(),
    }
    if place.is_cuda:
        card = torch.cuda.get_device_properties(place.device)
        figures |= {
            "card": card.name,
            "capability": f"{card.major}.{card.minor}",
            "multiprocessors": card.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return figures | place.memory()


def calls(place: Place) -> dict[str, Any]:
    """Microseconds: a call with a kernel of nothing, in a row; small copies to the device and back."""
    small, host = place.normal(64), torch.zeros(64)

    def chain() -> None:
        for _ in range(_CHAINED):
            small.add_(0.0)

    chained = place.first_and_median_ms(chain)["median"] * 1000 / _CHAINED
    there = place.first_and_median_ms(lambda: host.to(place.device))["median"] * 1000
    back = place.first_and_median_ms(small.cpu)["median"] * 1000
    return {"call, us": round(chained, 2), "to device, us": round(there, 1), "to host, us": round(back, 1)}


def rates(place: Place) -> dict[str, Any]:
    """Products in the model's dtype, and reading memory."""
    figures: dict[str, Any] = {"dtype": str(place.dtype)}
    for rows, inputs, outputs in place.shapes.products:
        states, weights = place.normal(rows, inputs), place.normal(outputs, inputs)
        ms = _median_ms(place, functools.partial(F.linear, states, weights))
        figures[f"{rows} x {inputs} x {outputs}, TFLOP/s"] = round(2 * rows * inputs * outputs / ms / 1e9, 3)
    data = place.normal(place.shapes.read_bytes // 4, dtype=torch.float32)
    ms = _median_ms(place, data.sum)
    return figures | {"read, GB/s": round(place.shapes.read_bytes / ms / 1e6, 1)}


def attention_backends(place: Place) -> dict[str, Any]:
    """Which kernel torch chooses for each kind of attention here."""
    chosen = {}
    for name, (query, key, value, bias) in _attentions(place).items():
        try:
            number = torch._fused_sdp_choice(query, key, value, attn_mask=bias)
            chosen[name] = str(torch.nn.attention.SDPBackend(number)).rpartition(".")[2]
        except Exception as error:  # one kind of attention says nothing of the others
            chosen[name] = f"{type(error).__name__}: {error}"
    return chosen


def new_shapes(place: Place, *, cudnn: bool = False) -> dict[str, Any]:
    """Encoder attention at lengths not seen before, and again. ``cudnn``: whether its attention is allowed.

    They are lengths of the encoder's buckets.
    """
    first, again = [], []
    before = _cudnn_attention()
    torch.backends.cuda.enable_cudnn_sdp(cudnn)
    try:
        for length in place.shapes.lengths:
            query, bias = place.normal(2, 16, length, 64), place.normal(2, 16, length, length)
            times = place.first_and_median_ms(_attention(query, bias))
            first.append(times["first"])
            again.append(times["median"])
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
    return {
        "new shape, ms": round(statistics.median(first), 3),
        "new shape, worst, ms": max(first),
        "again, ms": round(statistics.median(again), 4),
    }


def depthwise(place: Place) -> dict[str, Any]:
    """The conformer's convolution of 31 taps over 8 x 10 s: as it is computed, and in other ways."""
    length = max(place.shapes.lengths)
    size = place.config.hidden_size
    conv = Convolution(size, size, 31, groups=size, bias=False, causal=True)
    conv.load_state_dict(conv.state_dict())
    conv.to(place.device, place.dtype)
    states = place.normal(8, length, size)
    ways = {name: functools.partial(way, conv, states) for name, way in WAYS.items()}
    with torch.inference_mode():
        figures = {f"{name}, ms": place.first_and_median_ms(run) for name, run in ways.items()}
        with torch.backends.cudnn.flags(enabled=False, allow_tf32=False):
            figures["without cuDNN, ms"] = place.first_and_median_ms(ways["channels first"])
        difference = (ways["channels last"]() - ways["products"]()).abs().max()
    return figures | {"worst difference": float(difference.cpu())}


def decode_graph(place: Place) -> dict[str, Any]:
    """A decode step of all rows, captured and run eagerly on the same inputs: the worst differences.

    ``ulp``: the distance of two numbers of the dtype at the largest logit.
    """
    rows = min(64, place.shapes.slots)
    decoder, cache = _random_decoder(place, rows)
    choose = GreedyChoice(_no_constraints(place, rows)).of_slots
    largest: list[Tensor] = []

    def step(inputs: Tensor) -> Tensor:
        made = decoder.run(cache, AttentionMetadata.fixed(cache, inputs, _REACH), ALL_OPTIONAL_FIELDS)
        largest[:] = [made.logits.abs().max()]
        return DecodedStep.of(made, choose(made.logits)).packed()

    inputs = torch.stack([torch.arange(rows), torch.zeros(rows), torch.ones(rows)]).long()
    with torch.inference_mode():
        graph = CapturedGraph(inputs, step, place.capturer, place.device)
        captured, eager = (
            DecodedStep.unpacked(each, aligned_tokens=1) for each in graph.both(inputs + inputs.new_ones(1))
        )
        greatest = float(largest[0].cpu())
        graph_ms, eager_ms = (
            _median_ms(place, run) for run in (graph.run, lambda: step(inputs.to(place.device)).cpu())
        )
    return {
        "rows": rows,
        "worst difference of log-probabilities": float(
            (captured.log_probabilities - eager.log_probabilities).abs().max()
        ),
        "tokens that differ": int((captured.token_ids != eager.token_ids).sum()),
        "largest logit": greatest,
        "ulp": float(torch.finfo(place.dtype).eps * 2.0 ** np.floor(np.log2(max(greatest, 1e-9)))),
        "graph, ms": graph_ms,
        "eager, ms": eager_ms,
    }


def _cudnn_attention() -> bool:
    return bool(torch.backends.cuda.cudnn_sdp_enabled())  # type: ignore[no-untyped-call]


def _attentions(place: Place) -> dict[str, tuple[Tensor, Tensor, Tensor, Tensor | None]]:
    length = max(place.shapes.lengths)
    frames = place.normal(2, 16, length, 64)
    rows = min(64, place.shapes.slots)
    step, columns = place.normal(rows, 16, 1, 64), place.normal(rows, 16, 128, 64)
    prompt = place.normal(4, 16, 2, 64)
    return {
        "encoder": (frames, frames, frames, place.normal(2, 16, length, length)),
        "adapter, one source": (frames, frames, frames, None),
        "decode step": (step, columns, columns, place.normal(rows, 1, 1, 128)),
        "prompts": (prompt, columns[:4], columns[:4], place.normal(4, 1, 2, 128)),
    }


def _attention(query: Tensor, bias: Tensor) -> Callable[[], Tensor]:
    return lambda: F.scaled_dot_product_attention(query, query, query, attn_mask=bias)


def _random_decoder(place: Place, rows: int) -> tuple[TextDecoder, DecoderCache]:
    """With logits as large as those of a trained one."""
    torch.manual_seed(0)
    decoder = TextDecoder(place.config, max_slot_tokens=128, alignment_layer=0)
    with torch.no_grad():
        decoder.embed_tokens.weight.normal_(std=place.config.hidden_size**-0.5)
        decoder.layer_norm.weight.fill_(4.0)
    decoder.to(place.device, place.dtype).eval()
    prepare(decoder)
    cache = DecoderCache(
        place.config,
        max_slots=rows,
        max_slot_tokens=128,
        max_encoder_frames=128,
        device=place.device,
        dtype=place.dtype,
    )
    return decoder, cache


def _no_constraints(place: Place, rows: int) -> ConstraintBiases:
    return ConstraintBiases({}, slots=rows, vocabulary_size=place.config.vocab_size, device=place.device)


def _median_ms(place: Place, run: Callable[[], object]) -> float:
    return max(place.first_and_median_ms(run)["median"], 1e-4)


PROBES: dict[str, Callable[[Place], dict[str, Any]]] = {
    "versions": versions,
    "calls": calls,
    "rates": rates,
    "attention backends": attention_backends,
    "attention, new shapes": new_shapes,
    "depthwise convolution": depthwise,
    "decode graph": decode_graph,
}
