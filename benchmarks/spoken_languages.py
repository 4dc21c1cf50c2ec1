"""How well a checkpoint tells the spoken language: `python -m benchmarks.spoken_languages --clips FOLDER`.

FOLDER is as for `translate-svc calibrate --languages`, of voices, synthesizers and other languages that the
rule was not learnt from (`python -m training.starter.language_clips --part held_out`). Prints, for beginnings
and for whole recordings of 2 s and more:

- `named`: share told rightly where the candidates are named; all of the checkpoint's languages are
- `auto`: the same where it may be any language; what is unsure counts as wrong
- `unsure`: share of the other languages that is unsure then
- `said`: mean probability of what was told, which should be the share that is right (`right`)
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from translate_svc.cli.calibration.spoken_languages import loud_part, read_folder
from translate_svc.heard_language import LanguageQuestion, decide
from translate_svc.models.checkpoint.weight_index import stored_weights
from translate_svc.models.limits import ModelLimits
from translate_svc.models.placement import resolve_placement
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.slices import finish
from translate_svc.server_info import language_table
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_BEGINNINGS_S = (0.8, 1.2, 1.5, 2.0)
_WHOLE_S = 2.0
_MAX_S = 15


def measure(folder: Path, clips: Path, every: int) -> dict[str, object]:
    family = open_checkpoint(folder)
    limits = ModelLimits(
        max_slots=1,
        max_slot_tokens=16,
        max_source_samples=_MAX_S * INTERNAL_SAMPLE_RATE_HZ,
        max_source_tokens=16,
    )
    model = family.load(limits, resolve_placement("cpu", "float32", stored_weights(folder)))
    languages = model.detected_languages
    named = LanguageQuestion(dict.fromkeys(languages, 0.98 / len(languages)))
    auto = LanguageQuestion(dict.fromkeys(languages, 1 / (len(languages) + 1)))
    rows: defaultdict[str, list[tuple[str | None, tuple[float, ...]]]] = defaultdict(list)
    encode_s = tell_s = 0.0
    for number, clip in enumerate(read_folder(clips, language_table(family.capabilities))):
        found = loud_part(clip.samples) if number % every == 0 else None
        if found is None:
            continue
        speech, begins = found
        parts = {"whole": speech} if len(speech) - begins >= _WHOLE_S * INTERNAL_SAMPLE_RATE_HZ else {}
        for seconds in _BEGINNINGS_S:
            end = begins + int(seconds * INTERNAL_SAMPLE_RATE_HZ)
            if end <= len(speech):
                parts[f"{seconds:g} s"] = speech[:end]
        for name, samples in parts.items():
            started_s = time.perf_counter()
            with torch.inference_mode():
                finish(model.encode([np.ascontiguousarray(samples)], [[0]]))
                encoded_s = time.perf_counter()
                rows[name].append((clip.language, model.language_log_probabilities(0)))
            encode_s += encoded_s - started_s
            tell_s += time.perf_counter() - encoded_s
    table = {}
    for name in sorted(rows):
        own = [(code, scores) for code, scores in rows[name] if code is not None]
        others = [scores for code, scores in rows[name] if code is None]
        told = [(code, decide(named, languages, scores)) for code, scores in own]
        found_auto = [(code, decide(auto, languages, scores)) for code, scores in own]
        sure = [(code, heard) for code, heard in found_auto if heard.is_sure]
        table[name] = {
            "recordings": len(own),
            "named": round(float(np.mean([code == heard.language for code, heard in told])), 4),
            "auto": round(float(np.mean([code == heard.language for code, heard in found_auto])), 4),
            "right": round(float(np.mean([code == heard.language for code, heard in sure])), 4),
            "said": round(float(np.mean([heard.probability for _, heard in sure])), 4),
            "others": len(others),
            "unsure": round(
                float(np.mean([not decide(auto, languages, each).is_sure for each in others])), 4
            ),
        }
    return {"table": table, "share_of_encoding": round(tell_s / encode_s, 5)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=Path("model_cache/starter"))
    parser.add_argument("--clips", type=Path, default=Path("build/starter/languages/held_out"))
    parser.add_argument("--every", type=int, default=1, help="take every so-manieth recording")
    parser.add_argument("--report", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure(arguments.model, arguments.clips, arguments.every)
    text = json.dumps(figures, indent=1) + "\n"
    print(text, end="")
    if arguments.report is not None:
        arguments.report.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
