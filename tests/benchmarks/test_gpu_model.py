"""The modelled GPU: what is counted, how time adds up, and that the engine runs on it from end to end."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchmarks.gpu_model.devices import DEVICES, Kernel, Kind
from benchmarks.gpu_model.hollow import META, hollow_model
from benchmarks.gpu_model.kernels import Counter, Work
from benchmarks.gpu_model.load import Bench
from benchmarks.gpu_model.timeline import Cost, Timeline, VirtualClock
from translate_svc.engine.options import EngineLimits
from translate_svc.models.decoded_step import ALL_OPTIONAL_FIELDS
from translate_svc.models.decoder.decoder_cache import AttentionMetadata, GraphBucket
from translate_svc.models.precision import BFLOAT16
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder

pytestmark = pytest.mark.timeout(300)  # ten seconds of one quiet core
_GB = 1_000_000_000


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Work]:
    """Of a decode step of 64 rows, and of the encoder with 10 s."""
    limits = EngineLimits(max_slots=64)
    model, checkpoint = hollow_model(tmp_path_factory.mktemp("hollow"), limits)
    with torch.device(META):
        encoder = SpeechEncoder(checkpoint.config)
    checkpoint.load(encoder, "speech_encoder.", device=META, precision=BFLOAT16)
    counter = Counter()
    with torch.inference_mode(), counter:
        decode = counter.begin()
        inputs = torch.zeros(3, 64, dtype=torch.int64, device=META)
        metadata = AttentionMetadata.fixed(model.cache, inputs, GraphBucket(128, 94))
        model.decoder.run(model.cache, metadata, ALL_OPTIONAL_FIELDS)
        encode = counter.begin()
        encoder(torch.zeros(1, 500, 160, dtype=torch.bfloat16, device=META), [500], [500])
        counter.begin()
    return {"decode": decode, "encode": encode}


def test_kernels_are_those_that_a_review_counted(work: dict[str, Work]) -> None:
    """It counted on a CPU, by other means: 507 kernels a step and 759 of the encoder, 620 GFLOP."""
    assert len(work["decode"].kernels) == pytest.approx(507, rel=0.2)
    assert len(work["encode"].kernels) == pytest.approx(759, rel=0.05)
    assert sum(each.flops for each in work["encode"].kernels) == pytest.approx(620 * _GB, rel=0.05)
    # weights and caches are each read once in a step: 1.63 and 1.4 GB
    reading = (Kind.MATMUL, Kind.ATTENTION)
    read = sum(each.bytes for each in work["decode"].kernels if each.kind in reading)
    assert read == pytest.approx(3.03 * _GB, rel=0.15)


def test_a_decode_step_is_bound_by_memory_and_the_encoder_is_not(work: dict[str, Work]) -> None:
    device = DEVICES["h200"]
    twice = dataclasses.replace(device, bytes_s=2 * device.bytes_s)
    gains = {}
    for name, each in work.items():
        slow, fast = (Cost.of(each.kernels, each.calls, one).kernel_s.sum() for one in (device, twice))
        gains[name] = slow / fast
    assert gains["decode"] > 1.5 > gains["encode"]
    kernel = Kernel("copy", Kind.MEMORY, torch.float, _GB)
    assert device.seconds(kernel) == pytest.approx(2 * twice.seconds(kernel))


def test_the_slower_of_host_and_device_decides(work: dict[str, Work]) -> None:
    clock = VirtualClock()
    kernels = [Kernel("copy", Kind.MEMORY, torch.float, _GB // 100)] * 500
    for name, cost, busy in (
        ("bound by the device", Cost.of(kernels, 500, DEVICES["l4"]), (0.95, 1.01)),
        ("bound by launches", Cost.of(kernels, 500, DEVICES["h200"]), (0.2, 0.9)),
    ):
        timeline = Timeline(DEVICES["h200"], clock)
        with clock.stopped():
            started_s = clock()
            timeline.launch(cost, "decode")
            assert clock() - started_s == pytest.approx(cost.host_s), "launches return at once"
            timeline.wait()
        low, high = busy
        assert low < timeline.busy_s["decode"] / (clock() - started_s) < high, name


@pytest.mark.slow
def test_the_engine_serves_streams_on_it() -> None:
    bench = Bench("h200", 8)
    run = bench.live(12, 3.0)
    assert min(run.first_text_s) > 0.005, "an encoding and a decode step take longer"
    assert max(run.first_audio_s) < 1.0, "all were answered, and soon"
    assert set(run.busy_s) == {"encode", "decode", "text_to_unit", "vocode"}
    assert 0 < sum(run.busy_s.values()) < run.elapsed_s
    step = bench.decode_only(8, 20)
    assert step.elapsed_s < 0.9 * (step.busy_s["decode"] + step.host_s), "host and device work at once"
