"""The recorded demo: a picture that any browser shows, of a run whose texts were the expected ones."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from docs_site.record_demo import PICTURE, screens
from docs_site.terminal_picture import Run, Screen, animated
from tests.clips import texts

SVG = "{http://www.w3.org/2000/svg}"


def shown(root: ET.Element, frame: ET.Element) -> list[str]:
    """The lines of a frame, from above."""
    lines = {each.get("id"): "".join(each.itertext()) for each in root.iter(f"{SVG}text")}
    return [lines[use.get("href", "").removeprefix("#")] for use in frame]


def test_each_screen_has_its_time_and_its_place() -> None:
    found = [
        Screen(0.0, ((Run(0, "$ <x> & y"),), ())),
        Screen(1.0, ((Run(0, "$ <x> & y"),), (Run(2, "hola", "green", True), Run(8, "z")))),
    ]
    text = animated(found, 20, 2, hold_s=3.0, title="a & b")
    root = ET.fromstring(text)
    film = next(each for each in root.iter(f"{SVG}g") if each.get("id") == "film")
    assert [shown(root, frame) for frame in film] == [["$ <x> & y"], ["$ <x> & y", "holaz"]]
    height = float(root.get("height", ""))
    assert [frame.get("transform") for frame in film] == ["translate(0 0)", f"translate(0 {height:g})"]
    steps = re.findall(r"([\d.]+)%\{transform:translateY\((-?[\d.]+)px\)\}", text)
    assert [(float(percent), float(y)) for percent, y in steps] == [(0, 0), (25, -height)]
    assert f"animation:none;transform:translateY({-height:g}px)" in text
    assert text.count("<text ") == 2, "a line that stays is drawn once"


def test_a_recording_becomes_screens_without_a_long_start_and_without_flicker() -> None:
    def recording() -> Iterator[tuple[float, bytes]]:
        yield 0.5, b"Starting\r\n"
        yield 9.0, b"\x1b[1mclip\x1b[0m, in real time\r\n"
        yield 10.0, b"one"
        yield 10.01, b"\r\x1b[2K\x1b[32mtwo\x1b[0m"
        yield 12.0, b"\a"

    found = screens(recording())
    assert [round(each.at_s, 2) for each in found] == [0.0, 0.5, 1.5, 2.5]
    assert found[-1].lines[:4] == (
        (Run(0, "$ translate-svc demo"),),
        (Run(0, "Starting"),),
        (Run(0, "clip", bold=True), Run(4, ", in real time")),
        (Run(0, "two", "green"),),
    )


def test_the_picture_is_of_a_run_that_said_what_the_clip_says() -> None:
    root = ET.fromstring(PICTURE.read_text("utf-8"))
    *_, film = (each for each in root if each.tag == f"{SVG}g")
    last = " ".join(" ".join(shown(root, film[-1])).split())
    assert "The texts are the expected ones." in last
    for text in texts("demo_eng").values():
        assert all(word in last for word in text.split())
