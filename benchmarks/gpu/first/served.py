"""Part G: the server as a user starts it, and callers over gRPC in real time.

Two models: the starter, whose texts can be compared, and the published sizes with random weights. What can be
started while nothing is timed is started then. Servers end at the latest with ``Place.at_end``.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.first import crowd
from benchmarks.gpu.first.caller import Script
from benchmarks.gpu.first.card import memory_mib, sampled
from benchmarks.gpu.first.place import Place
from benchmarks.gpu.first.probes import LeftOut
from benchmarks.gpu.first.server import Metrics, Server

NEEDED = ("grpc", "google.protobuf", "soundfile", "soxr", "sentencepiece", "onnxruntime", "typer", "rich")
_ROOT = Path(__file__).parents[3]
_CLIPS = _ROOT / "tests" / "data"
_LANGUAGES = ("eng", "spa", "fra", "deu")
_START_S = 90.0
_CLIPS_S = 40.0
_CROWD_S = 17.0
"""What a crowd takes: none is begun with less time left."""
_LIFTED = (
    *("--no-measure-capacity", "--max-streams", "1024", "--max-waiting-requests", "1024"),
    *("--max-queued-input-total-ms", "86400000"),
)
_STARTER = ("--model", str(_ROOT / "model_cache" / "starter"))


@dataclass(frozen=True, slots=True)
class Sizes:
    """``streams``: of the starter with usual limits, of the starter without, of the published sizes."""

    slots: int
    processes: int
    clips: int
    spoken: int
    usual: tuple[int, ...]
    lifted: tuple[int, ...]
    published: tuple[int, ...]
    languages: tuple[str, ...]
    flags: tuple[str, ...] = ()


SIZES = {
    "full": Sizes(256, 6, 100, 3, (64,), (256, 32, 128), (256, 64, 512), _LANGUAGES),
    "small": Sizes(4, 2, 3, 1, (3,), (2,), (2,), _LANGUAGES[:2], ("--front-processes", "2")),
}


@dataclass(slots=True)
class _Kind:
    """A server, what is said to it, and what it told a caller who was alone."""

    server: Server
    scripts: list[Script]
    before_mib: int | None
    known: crowd.Texts = field(default_factory=dict)


class Served:
    """The probes share servers, by name."""

    def __init__(self, place: Place) -> None:
        self._place, self._sizes = place, SIZES[place.size]
        self._kinds: dict[str, _Kind] = {}
        self.probes: dict[str, Callable[[], Mapping[str, Any]]] = {
            "starter, start": functools.partial(self._ready, "starter"),
            "starter, clips": self._clips_while_others_start,
            "published sizes, write weights": self._write,
            "starter in float32, clips": functools.partial(self._clips, "starter in float32", last=True),
            "published sizes, start": functools.partial(self._ready, "published sizes"),
            **self._crowds("published sizes", self._sizes.published[:2]),
            **self._crowds("starter", self._sizes.usual),
            **self._crowds("starter, many streams", self._sizes.lifted),
            **self._crowds("published sizes", self._sizes.published[2:]),
        }

    def _crowds(self, name: str, counts: tuple[int, ...]) -> dict[str, Callable[[], Mapping[str, Any]]]:
        return {f"{name}, {count} callers": functools.partial(self._crowd, name, count) for count in counts}

    def _of(self, name: str) -> _Kind:
        """The server of a name, which begins to start if it has not."""
        if missing := [each for each in NEEDED if importlib.util.find_spec(each.partition(".")[0]) is None]:
            raise LeftOut(f"lacks {', '.join(missing)}")
        if name not in self._kinds:
            module, flags = self._command(name)
            log = self._place.recorder.folder / f"server_{name.replace(',', '').replace(' ', '_')}.log"
            before_mib = memory_mib(self._place)
            server = Server(module, (*flags, *self._sizes.flags, "--device", self._place.name), log)
            self._place.at_end.callback(server.end)
            self._kinds[name] = _Kind(server, self._scripts(name), before_mib)
        return self._kinds[name]

    def _command(self, name: str) -> tuple[str, tuple[str, ...]]:
        """The module and its flags."""
        lifted = (*_LIFTED, "--max-slots", str(self._sizes.slots))
        match name:
            case "starter":
                return "translate_svc", _STARTER
            case "starter in float32":
                return "translate_svc", (*_STARTER, "--dtype", "float32")
            case "starter, many streams":
                return "translate_svc", (*_STARTER, *lifted)
            case _:
                random = ("--model", str(self._place.bench.checkpoint))
                return "benchmarks.gpu.first.short_texts", (*random, *lifted)

    def _started(self, name: str) -> _Kind:
        kind = self._of(name)
        kind.server.wait(min(_START_S, self._place.recorder.left_s))
        return kind

    def _ready(self, name: str) -> dict[str, Any]:
        for other in self._kinds:  # the time of a start is of one alone
            with contextlib.suppress(RuntimeError):
                self._started(other)
        kind = self._of(name)
        seconds = kind.server.wait(min(_START_S, self._place.recorder.left_s))
        found = kind.server.metrics()
        return {
            "seconds until ready": round(seconds, 1),
            "graphs": _by_label(found, "translate_svc_graphs_captured"),
            "graphs refused": _by_label(found, "translate_svc_graphs_refused"),
            "front processes": len(_by_label(found, "translate_svc_front_ready")),
            "resident, engine, GiB": _gib(found["process_resident_memory_bytes"]),
            "memory of the card, MiB": self._memory(kind),
        }

    def _memory(self, kind: _Kind) -> int | None:
        now_mib = memory_mib(self._place)
        return None if now_mib is None or kind.before_mib is None else now_mib - kind.before_mib

    def _clips_while_others_start(self) -> dict[str, Any]:
        self._started("starter")
        self._of("starter in float32")
        self._of("starter, many streams")
        return self._clips("starter")

    def _clips(self, name: str, *, last: bool = False) -> dict[str, Any]:
        """Each packaged clip into the three other languages. ``last``: the server is not needed any more."""
        kind, listed = self._started(name), _listed()[: self._sizes.clips]
        scripts = [
            Script((each["file"],), each["source_language"], tuple(_others(each["source_language"])))
            for each in listed
        ]
        answers = crowd.alone(kind.server.target, scripts, min(_CLIPS_S, self._place.recorder.left_s))
        wrong, texts, failed = [], 0, []
        for clip, script, answer in zip(listed, scripts, answers, strict=True):
            if not answer.complete:
                failed.append(f"{clip['file']}: {answer.error}")
            for target in script.targets:
                said = answer.texts.get(target, {})
                text = " ".join(said[number] for number in sorted(said, key=int) if said[number])
                texts += 1
                if text != clip["texts"][target]:
                    wrong.append(f"{clip['file']}, {target}: {text}")
        if last:
            kind.server.end()
        return {"texts": texts, "as expected": texts - len(wrong), "others": wrong, "failed": failed}

    def _write(self) -> dict[str, Any]:
        seconds = self._place.seconds(lambda: self._place.bench.checkpoint)
        if self._place.is_cuda:
            import torch

            torch.cuda.empty_cache()
        return {"s": round(seconds, 1)}

    def _crowd(self, name: str, count: int) -> dict[str, Any]:
        self._check_time()
        kind = self._started(name)
        if not kind.known:
            kind.known = crowd.texts_alone(kind.server.target, kind.scripts, _CLIPS_S)
        self._check_time()  # the start may have taken what was left
        with sampled(self._place) as card, _Watched(kind.server) as watched:
            figures = crowd.together(
                kind.server.target, kind.scripts, count, self._sizes.processes, kind.known
            )
        if name == "published sizes":  # before whose start no server was missing that runs now
            card["memory of the card, MiB"] = self._memory(kind)
        return {**figures, **watched.figures(), **card}

    def _check_time(self) -> None:
        if self._place.recorder.left_s < _CROWD_S:
            raise LeftOut("no time")

    def _scripts(self, name: str) -> list[Script]:
        """About ten seconds each. To the published sizes longer sentences, whose texts are random."""
        spoken, languages = self._sizes.spoken, self._sizes.languages
        if name == "published sizes":
            clips = [f"{language}_two.flac" for language in languages]
            twice = [*clips, *clips]
            return [
                Script(tuple(twice[index : index + min(2, spoken)]), "", ("eng",), guarded=False)
                for index in range(len(clips))
            ]
        numbers = (1, 2, "noise")[:spoken]
        return [
            Script(tuple(f"{language}_{each}.flac" for each in numbers), language, (_others(language)[0],))
            for language in languages
        ]


class _Watched:
    """Reads a server's metrics at the start, every second, and at the end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._seen: list[tuple[float, Metrics]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Watched:
        self._note()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._note()

    def figures(self) -> dict[str, Any]:
        """What they say of the time in between: means, and the worst moment."""
        if len(self._seen) < 2:
            return {"metrics": "were not told"}
        (began_s, first), (ended_s, last) = self._seen[0], self._seen[-1]
        seconds = ended_s - began_s
        most = {name: max(_of(found, name) for _, found in self._seen) for name in _WORST}
        added = {name: round(_of(last, name) - _of(first, name), 1) for name in _COUNTED}
        steps = _of(last, "step_seconds_count") - _of(first, "step_seconds_count")
        stepped_s = _of(last, "step_seconds_sum") - _of(first, "step_seconds_sum")
        fronts = [sum(_by_label(each, "translate_svc_front_cpu_seconds").values()) for each in (first, last)]
        engine_s = last["process_cpu_seconds_total"] - first["process_cpu_seconds_total"]
        return {
            "measured, s": round(seconds, 1),
            "engine's steps, share of time": round(stepped_s / seconds, 3),
            "mean step, ms": round(1000 * stepped_s / steps, 2) if steps else None,
            "cores of the engine's process": round(engine_s / seconds, 2),
            "cores of the front processes": round((fronts[1] - fronts[0]) / seconds, 2),
            "resident, engine, GiB": _gib(last["process_resident_memory_bytes"]),
            "least capacity": min(_of(found, "streams_capacity") for _, found in self._seen),
            **{f"most {name}": value for name, value in most.items()},
            **added,
        }

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self._note()

    def _note(self) -> None:
        with contextlib.suppress(OSError):  # a server that is too busy to say it is still worth the rest
            self._seen.append((time.monotonic(), self._server.metrics()))


_WORST = ("lag_seconds", "requests_waiting", "slots_busy", "queued_audio_seconds", "streams_active")
_COUNTED = ("source_seconds_total", "speech_seconds_total", "text_tokens_total", "engine_steps_total")


def _of(found: Metrics, name: str) -> float:
    return found[f"translate_svc_{name}"]


def _by_label(found: Metrics, name: str) -> dict[str, float]:
    """The values of a metric by its only label's value."""
    return {key.split('"')[1]: value for key, value in found.items() if key.split("{")[0].startswith(name)}


def _gib(count: float) -> float:
    return round(count / 2**30, 2)


def _others(language: str) -> list[str]:
    """The other languages of the starter: the next one first."""
    index = _LANGUAGES.index(language)
    return [*_LANGUAGES[index + 1 :], *_LANGUAGES[:index]]


def _listed() -> list[dict[str, Any]]:
    clips = json.loads((_CLIPS / "clips.json").read_text(encoding="utf-8"))["clips"]
    return [each for each in clips if each["source_language"]]
