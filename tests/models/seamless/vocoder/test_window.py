"""Windows of the vocoder: pieces of all lengths share a batch, and each has the waveform it has alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from tests.fakes.fake_graph_capturer import FakeGraphCapturer, stale_capturer
from tests.models.seamless.modules import CPU, checkpoint, vocoder
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.vocoder.receptive_field import receptive_field
from translate_svc.models.seamless.vocoder.vocoder import Voice
from translate_svc.models.seamless.vocoder.vocoder_graphs import VocoderGraphs
from translate_svc.models.seamless.vocoder.window import Window

PIECES = [  # start, end, units of the text
    (0, 1, 1),
    (0, 5, 5),
    (0, 8, 41),
    (1, 9, 41),
    (15, 20, 41),
    (33, 41, 41),
    (38, 40, 41),
    (3, 7, 9),
]
VOICES = [Voice(place % 3, place % 2) for place in range(len(PIECES))]


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


def text(units: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(units).integers(0, 60, units)


def rows(window: Window, places: list[int]) -> Tensor:
    made = []
    for place in places:
        (start, _, total), voice = PIECES[place], VOICES[place]
        made.append(window.row(text(total), start, voice.language_id, voice.speaker_id))
    return torch.from_numpy(np.stack(made))


def alone(place: int, name: str) -> npt.NDArray[np.float32]:
    start, end, total = PIECES[place]
    part = receptive_field(start, end, total, checkpoint(name).config)
    heard = torch.from_numpy(text(total)[None, slice(*part.units)])
    waveform: npt.NDArray[np.float32] = vocoder(name)(heard, [VOICES[place]], part)[0].numpy()
    return waveform


def assert_as_alone(waveforms: Tensor, places: list[int], name: str) -> None:
    for waveform, place in zip(waveforms, places, strict=True):
        expected = alone(place, name)
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(waveform[: len(expected)], expected, atol=1e-5, err_msg=str(PIECES[place]))


@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_pieces_of_all_lengths_and_places_share_a_batch(name: str) -> None:
    window = Window.of(8, checkpoint(name).config)
    places = list(range(len(PIECES)))
    assert_as_alone(vocoder(name).windowed(rows(window, places), window), places, name)


def test_a_text_shorter_than_what_its_window_hears() -> None:
    """Both ends of the text lie inside of the window."""
    window = Window.of(64, checkpoint("tiny").config)
    assert_as_alone(vocoder("tiny").windowed(rows(window, [0, 1, 7]), window), [0, 1, 7], "tiny")


@pytest.mark.parametrize(
    "config", [ModelConfig(), checkpoint("starter").config], ids=["published", "starter"]
)
def test_a_window_is_what_a_piece_in_the_midst_hears(config: ModelConfig) -> None:
    window, piece = Window.of(25, config), receptive_field(100, 125, 300, config)
    assert window.part.units.end == piece.units.end - piece.units.start
    assert window.before == 100 - piece.units.start
    assert (window.part.kept, window.part.samples) == (piece.kept, piece.samples)


def test_recorded_batches_of_every_size() -> None:
    config, capturer = checkpoint("tiny").config, FakeGraphCapturer()
    windows = [Window.of(4, config), Window.of(8, config)]
    captured = VocoderGraphs(vocoder("tiny"), windows, 4, capturer, CPU, CaptureCount())
    assert capturer.captured == 2 * 3  # 1, 2, 4 rows
    assert captured.has(windows[0], 4)
    assert not captured.has(Window.of(16, config), 1)
    for places in ([5], [0, 1], [2, 4, 6], [7, 3, 5, 0], [1]):
        assert_as_alone(captured.run(windows[1], rows(windows[1], places)), places, "tiny")


def test_a_row_that_is_not_a_number_stays_alone() -> None:
    """Rows that nobody asked for keep what they were given: here the one before."""
    module = vocoder("tiny")
    window = Window.of(8, checkpoint("tiny").config)
    captured = VocoderGraphs(module, [window], 4, FakeGraphCapturer(), CPU, CaptureCount())
    kept = module.language_embedding.weight[VOICES[4].language_id].clone()
    module.language_embedding.weight[VOICES[4].language_id] = torch.nan
    try:
        made = captured.run(window, rows(window, [2, 3, 4]))
        assert not made[2].isfinite().any()
        assert_as_alone(made[:2], [2, 3], "tiny")
    finally:
        module.language_embedding.weight[VOICES[4].language_id] = kept
    assert_as_alone(captured.run(window, rows(window, [5, 6, 7])), [5, 6, 7], "tiny")


def test_a_recording_that_computes_something_else_is_refused() -> None:
    count, window = CaptureCount(), Window.of(8, checkpoint("tiny").config)
    captured = VocoderGraphs(vocoder("tiny"), [window], 2, stale_capturer, CPU, count)
    assert (count.captured, count.refused) == (0, 2)
    assert not captured.has(window, 1)
