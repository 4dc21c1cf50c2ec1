"""A model whose files name no voice says so, once, and what to write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.config import Settings
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.service import Service


@pytest.mark.parametrize("named", [True, False])
async def test_a_model_without_voices_says_once_what_to_write_where(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, named: bool
) -> None:
    folder = shutil.copytree(checkpoint_folder("tiny"), tmp_path / "mine")
    if not named:
        (folder / "speakers.json").unlink()
    with caplog.at_level("WARNING", "translate_svc"):
        async with Service.start(Settings(model=str(folder), max_streams=1)) as service:
            spoken = [each.code for each in service.languages() if each.speech_out]
    warnings = [record.getMessage() for record in caplog.records if "speakers.json" in record.getMessage()]
    if named:
        assert (spoken, warnings) == (["eng", "spa"], [])
        return
    assert spoken == []
    assert len(warnings) == 1
    assert warnings[0].startswith("mine gives no speech in eng, spa, only text")
    assert '{"eng": [0], "spa": [0]}' in warnings[0], "what it says can be written as it is"
    assert "(0 to 5)" in warnings[0]
    (folder / "speakers.json").write_text('{"eng": [0], "spa": [0]}')
    assert CheckpointDescription.read(folder).capabilities().missing_voices(["eng", "spa"]) == ""
