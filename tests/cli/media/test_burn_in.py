"""Subtitles in the picture: when and where, readable, upright, and nothing else of the film is changed."""

from __future__ import annotations

import asyncio
import threading
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import ImageFont, features

from tests.cli.conftest import Command
from tests.cli.media.burnt_films import (
    FONT,
    GREY,
    MARK,
    MARK_PIXELS,
    burn,
    frames,
    ink,
    likeness,
    write_picture,
)
from tests.cli.media.test_film import packets
from tests.clips import DATA, sentences
from tests.media import write_media
from translate_svc.audio.files import read_audio
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.media.burn_in.burning import Burning
from translate_svc.cli.media.burn_in.fonts import fonts_for
from translate_svc.cli.media.part import Part
from translate_svc.cli.media.text_files import TextFile, cue_lines
from translate_svc.cli.media.text_translation import translate_texts
from translate_svc.subtitles.cues import Cue
from translate_svc.types import SessionEvent, StreamSettings

TIMES_MS = [0, *accumulate([40, 33, 200, 17, 240, 90, 40, 41, 150, 249] * 2)]
"""No two frames stand equally long."""

CUES = [Cue(500, 1000, ("Buenos días, señora.",)), Cue(1500, 2000, ("¿Dónde está la estación", "central?"))]
LARGE = (960, 540)
NEAR = 12
"""So much light may change by encoding."""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".webm"])
def test_a_picture_changes_where_and_while_a_cue_is_shown(tmp_path: Path, suffix: str) -> None:
    film = write_picture(tmp_path / "film.mp4", TIMES_MS)
    before, after = frames(film), frames(burn(film, tmp_path / f"burnt{suffix}", CUES))
    assert [each.ms for each in after] == [each.ms for each in before] == TIMES_MS
    height, width = before[0].light.shape
    for source, shown in zip(before, after, strict=True):
        changed = np.abs(shown.light.astype(int) - source.light) > NEAR
        is_in_cue = any(cue.start_ms <= shown.ms < cue.end_ms for cue in CUES)
        assert changed.any() == is_in_cue, shown.ms
        assert not changed[: int(0.75 * height)].any(), "only the bottom"
        assert not changed[round(0.96 * height) :].any(), "a margin"
        assert not changed[:, : round(0.04 * width)].any()


def test_the_text_can_be_read_and_is_small_enough(tmp_path: Path) -> None:
    film = write_picture(tmp_path / "film.mp4", [0, 200, 400, 600, 800], size=LARGE)
    texts = [*(each.lines for each in CUES), ("W" * 42, "w" * 10)]
    cues = [Cue(200 * place, 200 * place + 200, lines) for place, lines in enumerate(texts, 1)]
    shown = frames(burn(film, tmp_path / "o.mp4", cues))
    between, first, second, wide, _ = (each.light for each in shown)
    assert likeness(first, CUES[0].lines) > 0.7 > 0.5 > likeness(first, ["Buenas noches, señor."])
    assert likeness(second, CUES[1].lines) > 0.7 > 0.5 > likeness(second, CUES[0].lines)
    assert likeness(between, CUES[0].lines) == 0
    assert 0.02 < len(ink(first)) / len(first) < 0.08, "in proportion to the picture's height"
    assert 0.8 < ink(wide).shape[1] / first.shape[1] < 0.9, "never wider"


@pytest.mark.parametrize(
    ("rotation", "corner", "is_turned"),
    [
        ((-90, False), (0, -1), True),
        ((90, False), (-1, 0), True),
        ((180, False), (-1, -1), False),
        ((0, True), (0, -1), False),
    ],
)
def test_a_film_that_was_filmed_upright_or_mirrored_comes_out_as_it_is_shown(
    tmp_path: Path, rotation: tuple[float, bool], corner: tuple[int, int], is_turned: bool
) -> None:
    film = write_picture(tmp_path / "film.mp4", [0, 620], size=LARGE, rotation=rotation)
    output = burn(film, tmp_path / "o.mp4", CUES)
    with av.open(str(output)) as made:
        assert next(made.decode(video=0)).rotation == 0, "it is not turned once more"
    shown = {each.ms: each.light for each in frames(output)}
    assert shown[0].shape == (LARGE if is_turned else LARGE[::-1])
    marked = np.argwhere(shown[0] > (GREY + MARK) // 2)
    assert len(marked) == pytest.approx(MARK_PIXELS**2, rel=0.3)
    for place, size, side in zip(marked.mean(axis=0), shown[0].shape, corner, strict=True):
        assert place == pytest.approx(MARK_PIXELS / 2 if side == 0 else size - MARK_PIXELS / 2, abs=3)
    text = shown[620][:, MARK_PIXELS:-MARK_PIXELS]
    assert likeness(text, CUES[0].lines) > 0.7


def test_colours_and_the_shape_of_pixels_are_kept(tmp_path: Path) -> None:
    kept: dict[str, Any] = {"color_range": 2, "colorspace": 1, "color_trc": 1, "color_primaries": 1}
    ratio = Fraction(2)
    film = write_picture(tmp_path / "f.mkv", TIMES_MS, pix_fmt="yuvj420p", sample_aspect_ratio=ratio, **kept)
    output = burn(film, tmp_path / "o.mkv", CUES)
    with av.open(str(output)) as made:
        stream = made.streams.video[0]
        assert stream.sample_aspect_ratio == ratio
        assert {name: getattr(stream.codec_context, name) for name in kept} == kept
    shown = {each.ms: each.light for each in frames(output)}
    assert np.abs(shown[0][100:].astype(int) - GREY).max() <= NEAR
    assert shown[620].max() > 245, "white is all of the range"
    square = burn(write_picture(tmp_path / "s.mkv", TIMES_MS), tmp_path / "square.mkv", CUES)
    across = [ink(each).shape[1] for each in (shown[620], frames(square)[7].light)]
    assert across[0] / across[1] == pytest.approx(0.5, abs=0.03), "letters are not drawn wide"


def test_a_slide_comes_again_where_a_cue_begins_or_ends(tmp_path: Path) -> None:
    film = write_picture(tmp_path / "slides.mp4", [0, 3000, 3040])
    shown = frames(burn(film, tmp_path / "o.mp4", CUES))
    assert [each.ms for each in shown] == [0, 500, 1000, 1500, 2000, 3000, 3040]
    assert [ink(each.light).size > 0 for each in shown] == [False, True, False, True, False, False, False]


def test_of_a_part_the_picture_begins_with_the_part(tmp_path: Path) -> None:
    film = write_picture(tmp_path / "film.mp4", TIMES_MS)
    shown = frames(burn(film, tmp_path / "o.mp4", [Cue(0, 200, ("Hola.",))], Part(1.0, 0.5)))
    inside = [ms - 1000 for ms in TIMES_MS if 1000 < ms < 1500]
    assert [each.ms for each in shown] == [0, *inside], "what is seen at its start, from its start on"
    assert [ink(each.light).size > 0 for each in shown] == [each.ms < 200 for each in shown]


def test_a_font_without_the_letters_is_no_choice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"DejaVuSans.ttf lacks letters of Hindi \(hin\): अ क य") as refused:
        fonts_for(["spa", "hin"], FONT)
    assert refused.value.field == "--font"
    with pytest.raises(UsageError, match=r"README\.md is not a font"):
        fonts_for(["spa"], Path("README.md"))
    film = write_picture(tmp_path / "film.mp4", [0])
    Burning(film, ["spa"], FONT).of([CUES])
    assert capsys.readouterr().err == ""
    Burning(film, ["spa"], FONT).of([[Cue(0, 9, ("Hola, 世界 \u200d",))]])
    assert capsys.readouterr().err == (
        "translate-svc: --font: DejaVu Sans shows boxes for 世 (U+4E16), 界 (U+754C); name another font\n"
    )

    truetype = ImageFont.truetype

    def none_installed(font: object, *others: Any, **named: Any) -> ImageFont.FreeTypeFont:
        if isinstance(font, str):
            raise OSError
        return truetype(font, *others, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageFont, "truetype", none_installed)
    assert [each.getname()[0] for each in fonts_for(["eng"], None)] == ["Aileron"], "Pillow's own"
    with pytest.raises(UsageError, match=r"has the letters of Spanish \(spa\); name one"):
        fonts_for(["spa"], None)


def test_both_languages_are_drawn_the_first_one_above(tmp_path: Path) -> None:
    film = write_picture(tmp_path / "film.mp4", [0])
    english = [Cue(500, 1000, ("Good morning.",))]
    burnt = Burning(film, ["eng", "spa"], FONT).of([english, CUES])
    assert burnt.cues[0].lines == ("Good morning.", *CUES[0].lines)


def test_a_script_that_this_machine_cannot_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: name != "raqm")
    assert fonts_for(["spa"], FONT)
    with pytest.raises(UsageError, match=r"Modern Standard Arabic \(arb\) cannot be drawn right") as refused:
        fonts_for(["arb"], FONT)
    assert refused.value.field == "--burn-in"


@pytest.fixture(scope="module")
def spoken_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip = read_audio(DATA / "demo_eng.flac")
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_media(path, *clip, codec="aac", codec_rate_hz=44_100, picture=True, starts_s=1.5)


def test_the_command_burns_and_leaves_the_sound_as_it_is(
    command: Command, server: str, spoken_film: Path, tmp_path: Path
) -> None:
    plain, burnt = tmp_path / "plain.mp4", tmp_path / "burnt.mp4"
    asked = ("translate", str(spoken_film), "--from", "en", "--to", "es", "--server", server)
    assert command(*asked, "-o", str(plain), "--subtitles", str(tmp_path / "a.srt"))[0] == 0
    code, _, error = command(*asked, "-o", str(burnt), "--burn-in", "--font", str(FONT))
    assert (code, error) == (0, "")
    assert packets(burnt, "audio") == packets(spoken_film, "audio")
    assert packets(burnt, "audio", 1) == packets(plain, "audio", 1), "the dub"
    with av.open(str(burnt)) as made:
        assert not made.streams.subtitles, "the text is not there twice"
    before, after = frames(plain), frames(burnt)
    assert [each.ms for each in after] == [each.ms for each in before]
    changed = [
        bool(np.abs(a.light.astype(int) - b.light).max() > 60) for a, b in zip(after, before, strict=True)
    ]
    said_ms = [each["start_ms"] + 1500 for each in sentences("demo_eng")]
    assert [bool(changed[round(ms / 100) + 5]) for ms in said_ms] == [True] * len(said_ms)
    assert not any(changed[: round(said_ms[0] / 100) - 4])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.srt", "burnt.mp4", "plain.mp4"]


def test_both_languages_of_a_film_whose_language_was_found_out(
    command: Command, server: str, tmp_path: Path
) -> None:
    clip = read_audio(DATA / "demo_eng.flac")
    film = write_media(
        tmp_path / "film.mkv", *clip, codec="flac", codec_rate_hz=16_000, picture=True, size=LARGE
    )
    output = tmp_path / "o.mkv"
    asked = ("translate", str(film), "--to", "es", "--server", server, "-o", str(output))
    code, _, _ = command(*asked, "--burn-in", "--bilingual", "--transcript", "--font", str(FONT))
    assert code == 0
    first = sentences("demo_eng")[0]
    shown = frames(output)[round(first["start_ms"] / 100) + 10].light
    said, translated = (cue_lines(first[which]) for which in ("transcript", "translation"))
    assert likeness(shown, [*said, *translated]) > 0.6 > 0.5 > likeness(shown, [*translated, *said])


def test_without_a_picture_the_option_is_named(command: Command, server: str, tmp_path: Path) -> None:
    asked = ("translate", str(DATA / "demo_eng.flac"), "--from", "en", "--to", "es", "--server", server)
    code, output, error = command(*asked, "-o", str(tmp_path / "o.mp4"), "--burn-in")
    assert (code, output, error) == (2, "", "translate-svc: --burn-in: demo_eng.flac has no picture\n")
    assert not list(tmp_path.iterdir())


class _SlowSink:
    """Takes until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.finished = False

    def write(self, event: SessionEvent, side: object = None) -> None:
        """Takes anything."""

    def finish(self, source_samples: int) -> None:
        """Waits."""
        self.finished = self.released.wait(2)


async def test_ctrl_c_is_heeded_while_a_film_is_written() -> None:
    sink = _SlowSink()
    writing = asyncio.create_task(
        translate_texts(TextFile(()), StreamSettings(()), None, [sink], 0, patience=Patience())  # type: ignore[arg-type]
    )
    await asyncio.sleep(0.05)
    sink.released.set()
    await writing
    assert sink.finished, "this loop went on meanwhile"
