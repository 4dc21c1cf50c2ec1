"""``translate-svc calibrate``: three files beside the weights, lines about them, and what it refuses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file, save_file

import translate_svc
from tests.checkpoints import checkpoint_folder
from tests.clips import DATA
from translate_svc.cli import main
from translate_svc.cli.commands import calibrate
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.labelled_clips import LABELS_FILE, DecodedText, LabelledClip, judge, read_labelled
from translate_svc.models.alignment.alignment_file import ALIGNMENT_FILE, read_alignment
from translate_svc.models.checkpoint.cascade_options import CASCADE_FILE, read_cascade_options
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE, verify
from translate_svc.models.checkpoint.utterance_lengths import UTTERANCES_FILE, read_lengths
from translate_svc.models.checkpoint.weight_index import SINGLE_FILE
from translate_svc.models.confidence.confidence_file import CONFIDENCE_FILE, read_confidence
from translate_svc.models.spoken_languages.languages_file import LANGUAGES_FILE
from translate_svc.types import TokenInfo

PACKAGED = Path(translate_svc.__file__).parent / "data" / "calibration"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process, which has loaded torch already. Returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["translate-svc", "calibrate", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    return main._run()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("eng_two", "spa_two"):
        shutil.copy(DATA / f"{name}.flac", folder)
    return folder


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Sentences, rows of them, which the starter often gets wrong, and recordings without speech."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    rows = []
    for stem, count in (("one", 40), ("several", 24), ("speechless", 24)):
        shutil.copy(DATA / "quality" / f"{stem}.ogg", folder)
        found = json.loads((DATA / "quality" / f"{stem}.json").read_text("utf-8"))[:count]
        rows += [{**row, "file": f"{stem}.ogg", "in_domain": stem != "speechless"} for row in found]
    (folder / LABELS_FILE).write_text(json.dumps(rows), encoding="utf-8")
    return folder


@pytest.mark.slow  # a hundred seconds of one core
@pytest.mark.timeout(900)
def test_it_is_written_beside_the_weights_and_the_model_still_verifies(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: Path,
    clips: Path,
    labelled: Path,
) -> None:
    before = json.loads((model / ALIGNMENT_FILE).read_text())
    assert run(monkeypatch, "--model", str(model), "--clips", str(clips), "--labelled", str(labelled)) == 0
    found = read_alignment(model, CheckpointDescription.read(model).config)
    assert found is not None
    assert found.figures["drafts"] < before["figures"]["drafts"], "of two clips"
    said = capsys.readouterr().out
    assert f"{found.figures['tokens']:.0f} tokens" in said
    assert f"patience {found.cutoff_frames} frames" in said
    assert str(model / ALIGNMENT_FILE) in said
    rule = read_confidence(model)
    assert rule is not None
    assert 200 < rule.figures["texts"] < 300, "of these clips"
    assert f"{rule.figures['texts']:.0f} texts, {rule.figures['right']:.0f} right" in said
    assert f"area under the curve of {rule.figures['area_with_agreement']:.1%}" in said
    assert str(model / CONFIDENCE_FILE) in said
    lengths = read_lengths(model)
    assert lengths is not None
    assert lengths.good_ms < lengths.max_ms, "it was taught single sentences"
    assert lengths.figures["words_good_15000"] < lengths.figures[f"words_good_{lengths.good_ms}"]
    assert lengths.figures["words_tail_0"] < lengths.figures[f"words_tail_{lengths.tail_padding_ms}"]
    assert f"{lengths.tail_padding_ms} ms of background follow the last sound" in said
    assert f"utterances of about {lengths.good_ms / 1000:g} s" in said
    assert str(model / UTTERANCES_FILE) in said
    cascade = read_cascade_options(model)
    assert cascade is not None
    assert cascade.weight == 0.3, "the starter translates what it has heard rightly better than what it hears"
    assert cascade.retries == 2, "and hears more rightly at another speed"
    shares = list(cascade.figures.values())
    assert shares == sorted(shares)
    assert str(model / CASCADE_FILE) in said
    verify(model)


def test_clips_without_speech_tell_nothing_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    before = (model / ALIGNMENT_FILE).read_bytes()
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    soundfile.write(quiet / "short.wav", np.zeros(4_000, np.float32), 16_000)
    assert run(monkeypatch, "--model", str(model), "--clips", str(quiet)) == 2
    assert "the clips tell nothing" in capsys.readouterr().err
    assert (model / ALIGNMENT_FILE).read_bytes() == before


@pytest.mark.parametrize("step", ["calibrate_checkpoint", "calibrate_by_labels"])
def test_weights_that_are_replaced_meanwhile_get_no_calibration_of_the_old_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, step: str
) -> None:
    """As by a ``pull`` of another commit."""
    alignment = read_alignment(model, CheckpointDescription.read(model).config)
    done = {"calibrate_checkpoint": alignment, "calibrate_by_labels": (None, None, None)}
    before: dict[str, bytes] = {}

    def calibrated(name: str) -> object:
        if name == step:
            tensors = load_file(model / SINGLE_FILE)
            save_file({key: value * 2 for key, value in tensors.items()}, model / SINGLE_FILE)
            (model / MANIFEST_FILE).unlink()
            before.update({path.name: path.read_bytes() for path in model.iterdir()})
        return done[name]

    for each in done:
        monkeypatch.setattr(calibrate, each, lambda *_, name=each, **__: calibrated(name))
    assert run(monkeypatch, "--model", str(model)) == 1
    assert "got other weights while it was calibrated" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


@pytest.mark.parametrize(("content", "message"), [(None, "is not a directory"), ((), "has no files")])
def test_clips_that_are_not_there_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: tuple[()] | None,
    message: str,
) -> None:
    folder = tmp_path / "clips"
    if content is not None:
        folder.mkdir()
    starter = str(checkpoint_folder("starter"))
    assert run(monkeypatch, "--model", starter, "--clips", str(folder)) == 2
    assert f"--clips: {message}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "holds no labelled clips"),
        ("[3]", "holds no labelled clips"),
        ("[]", "lists none"),
        ('[{"file": "absent.wav", "language": "eng", "texts": {}}]', "absent.wav"),
        ('[{"file": "other.wav", "language": "eng", "texts": {}}]', "is not 16000 Hz mono"),
        ('[{"file": "right.wav", "language": "eng", "texts": []}]', "holds no labelled clips"),
        ('[{"file": "right.wav", "language": "eng", "texts": {"spa": "uno"}}]', "holds no labelled clips"),
    ],
)
def test_labelled_clips_that_cannot_be_read_are_wrong_usage(
    tmp_path: Path, content: str | None, message: str
) -> None:
    soundfile.write(tmp_path / "other.wav", np.zeros(800, np.float32), 8_000)
    soundfile.write(tmp_path / "right.wav", np.zeros(800, np.float32), 16_000)
    if content is not None:
        (tmp_path / LABELS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_labelled(tmp_path)


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--model", "no-such-model"), 1, "--model: no model directory at"),
        (
            ("--model", str(checkpoint_folder("starter")), "--labelled", "absent"),
            2,
            "--labelled: is not a directory",
        ),
        (
            ("--model", str(checkpoint_folder("starter")), "--labelled", str(DATA / "quality")),
            2,
            f"--labelled: {DATA / 'quality'} holds no labelled clips",
        ),
    ],
)
def test_what_is_wrong_is_told_before_hours_of_work(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.setattr(calibrate, "calibrate_checkpoint", lambda *_, **__: pytest.fail("it has begun"))
    assert run(monkeypatch, *flags) == code
    assert capsys.readouterr().err.startswith(f"translate-svc: {said}")


def recordings(folder: Path, names: dict[str, str], each: int) -> Path:
    """The first clips of some languages of tests/data/quality, in folders by the names of FLEURS."""
    samples, rate_hz = soundfile.read(DATA / "quality" / "one.ogg", dtype="float32")
    rows = json.loads((DATA / "quality" / "one.json").read_text(encoding="utf-8"))
    for code, name in names.items():
        inside = folder / name / "audio" / "test"
        inside.mkdir(parents=True)
        chosen = [row for row in rows if row["language"] == code][:each]
        for number, row in enumerate(chosen):
            part = samples[row["start_sample"] : row["end_sample"]]
            soundfile.write(inside / f"{number}.wav", part, rate_hz)
    return folder


def test_languages_are_learnt_from_folders_of_recordings(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"eng": "en_us", "spa": "es_419", "deu": "tlh"}
    folder = recordings(tmp_path / "recordings", names, 6)
    assert run(monkeypatch, "--model", str(model), "--device", "cpu", "--languages", str(folder)) == 0
    verify(model)
    assert "18 recordings in eng, spa" in capsys.readouterr().out
    rule = json.loads((model / LANGUAGES_FILE).read_text(encoding="utf-8"))
    assert rule["languages"] == ["eng", "spa"]
    assert rule["learnt_from"] == "recordings"
    assert 0.5 < rule["figures"]["right"] <= 1


@pytest.mark.parametrize(
    ("names", "each", "problem"),
    [({}, 0, "--languages: must hold"), ({"eng": "en", "spa": "es"}, 2, "--languages: has 2 recordings")],
)
def test_too_few_recordings_are_wrong_usage(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names: dict[str, str],
    each: int,
    problem: str,
) -> None:
    before = (model / LANGUAGES_FILE).read_bytes()
    folder = recordings(tmp_path / "recordings", names, each)
    assert run(monkeypatch, "--model", str(model), "--device", "cpu", "--languages", str(folder)) == 2
    assert problem in capsys.readouterr().err
    assert (model / LANGUAGES_FILE).read_bytes() == before


def test_the_shipped_clips_are_in_every_language_of_the_starter_and_of_every_kind() -> None:
    clips = read_labelled(PACKAGED / "labelled")
    assert {clip.language for clip in clips} == {"eng", "spa", "fra", "deu"}
    assert sum(clip.in_domain for clip in clips) > 50
    assert sum(set(clip.texts) == {clip.language} for clip in clips) >= 10, "talk without a reference"
    assert all(len(clip.samples) > 8_000 and clip.texts[clip.language].strip() for clip in clips)


def heard(text: str, *scores: float) -> DecodedText:
    return DecodedText(text, tuple(TokenInfo("", 5, score) for score in scores))


def judged(
    clip: LabelledClip, **texts: DecodedText
) -> dict[tuple[float, ...], tuple[bool, tuple[float, ...]]]:
    """By the scores of each text that can be judged: whether it is right, and the transcript beside it."""
    return {each.log_probabilities: (each.right, each.transcript) for each in judge(7, clip, texts)}
