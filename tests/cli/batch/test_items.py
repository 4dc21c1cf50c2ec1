"""Which files a batch translates, and under which names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fsspec
import pytest

from translate_svc.cli.batch.items import BatchItem, batch_items
from translate_svc.cli.exit_codes import UsageError
from translate_svc.errors import InvalidArgument


def _touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def _names(*arguments: str, out: Path = Path("elsewhere")) -> list[str]:
    return [item.name for item in batch_items(arguments, str(out))]


def test_a_directory_stands_for_all_media_below_it_but_not_for_results(tmp_path: Path) -> None:
    _touch(
        tmp_path, "b.MP3", "monday/a.wav", "monday/a.spa.wav", "notes.txt", ".journal/x.wav", "out/b.fra.wav"
    )
    assert _names(str(tmp_path), out=tmp_path / "out") == ["b", "monday/a"]
    item = batch_items([str(tmp_path)], str(tmp_path / "out"))[1]
    assert item == BatchItem(str(tmp_path / "monday" / "a.wav"), "monday/a")


def test_a_folder_s_folders_and_pipes_are_no_files_but_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    _touch(tmp_path, "a.wav", "folder.wav/b.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("nothing.wav")
    assert _names(str(tmp_path)) == ["a", "folder.wav/b", "link"]


def test_links_that_lead_out_of_a_folder_are_not_followed_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _touch(tmp_path, "talks/a.wav", "talks/in/b.wav", "archive/c.wav")
    talks = tmp_path / "talks"
    (talks / "again").symlink_to(talks / "in")
    (talks / "loop").symlink_to("..")
    (talks / ".hidden").symlink_to(tmp_path / "archive")
    (talks / "old.wav").symlink_to(tmp_path / "archive")
    assert _names(str(talks)) == ["a", "in/b"]
    assert capsys.readouterr().err == (
        f"translate-svc: {talks}: 2 links to folders are not followed ({talks}/loop): "
        "name it as an input of its own\n"
    )


def test_a_pattern_keeps_the_folders_behind_its_fixed_part(tmp_path: Path) -> None:
    _touch(tmp_path, "x/2026-01/a.wav", "x/2026-02/a.wav", "x/2025-01/a.wav")
    assert _names(f"{tmp_path}/x/2026-*/*.wav") == ["2026-01/a", "2026-02/a"]
    assert _names(f"{tmp_path}/**/*.wav") == ["x/2025-01/a", "x/2026-01/a", "x/2026-02/a"]


def test_files_that_differ_in_their_suffix_keep_it_in_their_names(tmp_path: Path) -> None:
    _touch(tmp_path, "talk.mp3", "talk.wav", "other.wav")
    assert _names(str(tmp_path)) == ["other", "talk.mp3", "talk.wav"]
    assert _names(str(tmp_path), str(tmp_path / "talk.wav")) == ["other", "talk.mp3", "talk.wav"], "once"


def test_what_would_overwrite_each_other_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a/talk.wav", "b/talk.wav")
    with pytest.raises(UsageError, match=r"a/talk.wav and .*b/talk.wav would have the same outputs"):
        _names(str(tmp_path / "a"), str(tmp_path / "b"))


def test_an_argument_without_files_is_told_but_a_missing_file_is_left_to_its_turn(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no audio or video file"):
        _names(str(tmp_path))
    with pytest.raises(UsageError, match="names no audio or video file"):
        _names(f"{tmp_path}/*.wav")
    assert _names(str(tmp_path / "missing.wav")) == ["missing"]


def test_json_lines_and_csv_say_the_same(tmp_path: Path) -> None:
    rows = [
        {"path": "in/a.wav", "source": "eng", "targets": ["spa"], "reference": "Hola, amigo."},
        {"path": str(tmp_path / "b.wav"), "targets": "spa, fra", "reference": {"fra": "Salut."}, "id": 7},
        {"path": "../c.wav"},
    ]
    lines, table = tmp_path / "m" / "m.jsonl", tmp_path / "m" / "m.csv"
    lines.parent.mkdir()
    lines.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    table.write_text(
        "path,source,targets,reference,reference.fra\n"
        'in/a.wav,eng,spa,"Hola, amigo.",\n'
        f'{tmp_path}/b.wav,,"spa, fra",,Salut.\n'
        "../c.wav,,,,\n",
        encoding="utf-8-sig",
    )
    found = batch_items([str(lines)], "out")
    assert found == batch_items([str(table)], "out")
    folder = tmp_path / "m"
    assert found == (
        BatchItem(str(folder / "in" / "a.wav"), "in/a", ("spa",), "eng", {"": "Hola, amigo."}),
        BatchItem(str(tmp_path / "b.wav"), "b", ("spa", "fra"), None, {"fra": "Salut."}),
        BatchItem(str(folder / ".." / "c.wav"), "c"),
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"source": "eng"}', "line 2: has no path"),
        ("not JSON", r"line 2: is not JSON: Expecting value \(column 1\)"),
        ('{"path": "a.wav",}', r"line 2: is not JSON: .* \(column 1[78]\)"),
        ('["a.wav"]', "line 2: is not a JSON object"),
        pytest.param("[" * 100_000, "line 2: is nested too deeply", id="nested"),
        ('{"path": "fine.wav", "targets": "spa"}', "line 2: names .*fine.wav again, with other languages"),
        ('{"path": "a.wav", "targets": 3}', "line 2: targets must be languages"),
        ('{"path": "a.wav", "reference": 3}', "line 2: reference must be a text"),
    ],
)
def test_a_mistake_in_a_manifest_is_told_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text('{"path": "fine.wav"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        batch_items([str(manifest)], "out")


def test_lines_of_a_csv_are_those_of_the_file(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text('path,reference\na.wav,"two\nlines"\n\n,nothing\n', encoding="utf-8")
    with pytest.raises(UsageError, match="line 5: has no path"):
        batch_items([str(manifest)], "out")


def test_the_same_line_twice_is_one_file(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,targets\na.wav,spa\na.wav,spa\n", encoding="utf-8")
    assert len(batch_items([str(manifest)], "out")) == 1


def test_addresses_are_read_by_fsspec() -> None:
    system = fsspec.filesystem("memory")
    for name in ("/talks/monday/a.wav", "/talks/b.mp3", "/talks/notes.txt"):
        system.pipe_file(name, b"x")
    items = batch_items(["memory://talks"], "out")
    assert [(item.source, item.name) for item in items] == [
        ("memory:///talks/b.mp3", "b"),
        ("memory:///talks/monday/a.wav", "monday/a"),
    ]
    assert [item.name for item in batch_items(["memory://talks/*/*.wav"], "out")] == ["monday/a"]
    with pytest.raises(InvalidArgument, match="nosuch://x: cannot be opened"):
        batch_items(["nosuch://x"], "out")
