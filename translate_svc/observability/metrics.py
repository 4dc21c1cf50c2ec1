"""Every metric that Prometheus scrapes.

Names and labels never contain what a caller said or is called: label values come from ``labels.py``, and a
value that is not in its table counts as ``other``. The classes of callers come from the operator's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import Metric

from translate_svc import languages
from translate_svc.observability.class_counters import ClassCounters
from translate_svc.observability.labels import (
    CLOSE_CAUSES,
    ENGINE_STAGES,
    ERROR_CAUSES,
    LOG_LEVELS,
    OTHER,
    PREFIX,
    UNKNOWN_LANGUAGE,
    UTTERANCE_STAGES,
    UTTERANCE_STATUSES,
    WARNING_CODES,
    error_cause,
)
from translate_svc.observability.snapshot import Snapshot, SnapshotCollector

_SECONDS_TO_FIRST = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)
"""Fine between 0.1 and 1 s, where a listener notices every step; up to the wait for a full engine."""
_STAGE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 15)
"""From one encoder call on a GPU to the decoding of a long utterance on a CPU."""
_STEP_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5, 30)
"""Fine around 20 to 50 ms, the usual time of a step; up to the watchdog's limit."""
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Powers of two, the padded batch sizes of kernels."""


_CUT = (
    "the cut of an utterance (the segmenter's decision, after the silence that ends it; of a text or a clip: "
    "the moment when it is ready for the engine)"
)


class Metrics:
    """The metrics registry of one process. Recording is thread-safe and takes about a microsecond.

    Before ``set_snapshot_function`` a scrape reads "not ready", and 0 for all values of the snapshot.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._scrape = SnapshotCollector()
        self.registry.register(self._scrape)
        self._children: dict[str, Mapping[str, Counter | Histogram]] = {
            "rejected": self._counters(
                "rejected", "Streams and calls that were not admitted, by cause.", "cause", ERROR_CAUSES
            ),
            "resumed": self._counter(
                "streams_resumed", "Admitted streams that went on where another call of theirs was committed."
            ),
            "closed": self._counters(
                "streams_closed",
                "Admitted streams and calls of Translate that have ended, by cause.",
                "cause",
                CLOSE_CAUSES,
            ),
            "utterances": self._counters(
                "utterances",
                "Utterances that have ended; dropped: their stream ended before they did.",
                "status",
                UTTERANCE_STATUSES,
            ),
            "languages": self._counters(
                "languages_heard",
                "Utterances whose language was found out; unknown: it was not told.",
                "language",
                (*(language.code for language in languages.packaged()), UNKNOWN_LANGUAGE),
            ),
            "warnings": self._counters("warnings", "Warnings sent to clients.", "code", WARNING_CODES),
            "logged": self._counters(
                "log_messages", "Lines of the log from warnings up, by level.", "level", LOG_LEVELS
            ),
            "first_text": self._histogram(
                "end_to_first_text_seconds",
                f"From {_CUT} until its first text was ready to be sent.",
                _SECONDS_TO_FIRST,
            ),
            "first_audio": self._histogram(
                "end_to_first_audio_seconds",
                f"From {_CUT} until its first speech was ready to be sent.",
                _SECONDS_TO_FIRST,
            ),
            "steps": self._histogram("step_seconds", "Wall time of one step of the engine.", _STEP_SECONDS),
            "stages": self._histograms(
                "stage_seconds",
                "Time of one stage for one utterance, summed over the engine's steps and shared with the "
                "batch; endpointing: from the arrival of the last sample of its audio to the cut.",
                _STAGE_SECONDS,
                UTTERANCE_STAGES,
            ),
            "batches": self._histograms(
                "batch_size", "Items that shared one stage of one step.", _BATCH_SIZES, ENGINE_STAGES
            ),
            "caller_admitted": self._by_class("admitted", "Streams and calls admitted, by class of caller."),
            "caller_audio_s": self._by_class("audio_seconds", "Audio received, by class of caller."),
            "caller_streams_limited": self._by_class(
                "streams_limited", "Streams and calls refused because their caller has too many."
            ),
            "caller_audio_limited": self._by_class(
                "audio_limited", "Streams and calls refused or ended because their caller has sent too much."
            ),
        }
        """By the names that ``add`` takes: a series for each value of the label, or one for ``""``."""
        self._graphs = [
            self._by_stage("graphs_captured", "CUDA graphs in use, by stage."),
            self._by_stage("graphs_refused", "CUDA graphs that could not be captured, by stage."),
        ]

    def set_snapshot_function(self, read: Callable[[], Snapshot]) -> None:
        """Makes every scrape call ``read``, on the scraper's thread."""
        self._scrape.read = read

    def record_rejected(self, error: BaseException) -> None:
        """Counts a stream or call that was not admitted."""
        self.add("rejected", error_cause(error), 1)

    def record_resumed(self) -> None:
        """Counts an admitted stream that another call had begun."""
        self.add("resumed", "", 1)

    def record_closed(self, cause: str) -> None:
        """Counts an admitted stream or call that has ended; ``cause`` is one of ``CLOSE_CAUSES``."""
        self.add("closed", cause, 1)

    def record_utterances(self, status: str, count: int = 1) -> None:
        """Counts utterances that have ended; ``status`` is one of ``UTTERANCE_STATUSES``."""
        self.add("utterances", status, count)

    def record_language(self, language: str) -> None:
        """Counts an utterance whose language was found out; ``language``: a code."""
        self.add("languages", language, 1)

    def record_warning(self, code: str) -> None:
        """Counts a warning to a client; ``code`` is one of ``WARNING_CODES``."""
        self.add("warnings", code, 1)

    def record_logged(self, level: str) -> None:
        """Counts a line of the log; ``level`` is one of ``LOG_LEVELS``."""
        self.add("logged", level, 1)

    def record_first_text(self, seconds: float) -> None:
        """Observes the time from the cut of an utterance to its first text."""
        self.add("first_text", "", seconds)

    def record_first_audio(self, seconds: float) -> None:
        """Observes the time from the cut of an utterance to its first speech."""
        self.add("first_audio", "", seconds)

    def record_stage(self, stage: str, seconds: float) -> None:
        """Observes the time of one stage for one utterance; ``stage`` is one of ``UTTERANCE_STAGES``."""
        self.add("stages", stage, seconds)

    def set_graphs(self, stage: str, captured: int, refused: int) -> None:
        """Sets how many graphs of a stage the start captured; ``stage`` is one of ``ENGINE_STAGES``."""
        for gauge, value in zip(self._graphs, (captured, refused), strict=True):
            gauge.labels(stage).set(value)

    def record_step(self, duration_s: float, batch_sizes: Iterable[tuple[str, int]]) -> None:
        """Observes a step of the engine; ``batch_sizes`` holds the number of items of each stage."""
        self.add("steps", "", duration_s)
        for stage, items in batch_sizes:
            self.add("batches", stage, items)

    def add(self, metric: str, label: str, value: float) -> None:
        """Counts ``value``, or observes it. All methods above call it.

        ``metric`` is a name of this class, not that of Prometheus. An unknown ``label`` counts as ``other``.

        Raises:
            KeyError: there is no such metric.
        """
        children = self._children[metric]
        child = children[label if label in children else OTHER]
        if isinstance(child, Counter):
            child.inc(value)
        else:
            child.observe(value)

    def names(self) -> frozenset[str]:
        """All names that a query may use: ``..._total``, ``..._bucket``, ``..._sum``, ``..._count``."""
        families: Iterable[Metric] = self.registry.collect()
        return frozenset(sample.name for family in families for sample in family.samples)

    def _counter(self, name: str, help_text: str) -> dict[str, Counter]:
        return {"": Counter(PREFIX + name, help_text, registry=self.registry)}

    def _counters(self, name: str, help_text: str, label: str, values: tuple[str, ...]) -> dict[str, Counter]:
        """One counter per value. All start at 0, because ``rate`` ignores the first sample of a series."""
        counter = Counter(PREFIX + name, help_text, (label,), registry=self.registry)
        return {value: counter.labels(value) for value in (*values, OTHER)}

    def _by_stage(self, name: str, help_text: str) -> Gauge:
        gauge = Gauge(PREFIX + name, help_text, ("stage",), registry=self.registry)
        for stage in ENGINE_STAGES:
            gauge.labels(stage)
        return gauge

    def _by_class(self, name: str, help_text: str) -> ClassCounters:
        counter = Counter(f"{PREFIX}caller_{name}", help_text, ("class",), registry=self.registry)
        return ClassCounters(counter.labels)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...]) -> dict[str, Histogram]:
        return {"": Histogram(PREFIX + name, help_text, buckets=buckets, registry=self.registry)}

    def _histograms(
        self, name: str, help_text: str, buckets: tuple[float, ...], stages: tuple[str, ...]
    ) -> dict[str, Histogram]:
        histogram = Histogram(PREFIX + name, help_text, ("stage",), buckets=buckets, registry=self.registry)
        return {stage: histogram.labels(stage) for stage in (*stages, OTHER)}
