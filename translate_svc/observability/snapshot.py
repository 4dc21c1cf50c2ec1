"""What a server is doing at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from translate_svc.observability.labels import PREFIX
from translate_svc.types import FrontProcess, ServerLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The values that are read at every scrape. No field has a default: both kinds of servers fill in all."""

    ready: bool
    streams_active: int
    streams_capacity: int
    queued_audio_s: float
    load: ServerLoad
    front_processes: tuple[FrontProcess, ...]


NOT_READY = Snapshot(
    ready=False,
    streams_active=0,
    streams_capacity=0,
    queued_audio_s=0.0,
    load=ServerLoad(),
    front_processes=(),
)
"""The values before the model is loaded."""


class SnapshotCollector(Collector):
    """Reads one ``Snapshot`` per scrape, so that all its values are of the same moment."""

    def __init__(self) -> None:
        self.read: Callable[[], Snapshot] = lambda: NOT_READY

    def collect(self) -> Iterator[Metric]:
        now = self.read()
        load = now.load
        gauges: tuple[tuple[str, str, float], ...] = (
            ("ready", "1 while new streams are accepted: loaded, keeping up, and not draining.", now.ready),
            ("streams_active", "Streams and calls of Translate that are served now.", now.streams_active),
            ("streams_capacity", "Streams and calls that the engine keeps up with.", now.streams_capacity),
            ("lag_seconds", "How far the slower streams are behind their audio.", load.lag_ms / 1000),
            ("requests_waiting", "Utterances that wait for slots.", load.waiting_requests),
            ("requests_live", "Utterances in the engine, including those that wait.", load.live_requests),
            ("slots_busy", "Rows of the text decoder in use.", load.busy_slots),
            ("slots", "Rows of the text decoder.", load.slots),
            ("queued_audio_seconds", "Audio received that waits to be segmented.", now.queued_audio_s),
        )
        counters: tuple[tuple[str, str, float], ...] = (
            ("streams_admitted", "Streams and calls of Translate admitted.", load.admitted),
            ("engine_steps", "Steps of the engine.", load.steps),
            ("text_tokens", "Text tokens of finished utterances, all targets.", load.text_tokens),
            ("source_seconds", "Speech translated: the audio of finished utterances.", load.source_ms / 1000),
            ("speech_seconds", "Speech made for finished utterances, all targets.", load.speech_ms / 1000),
        )
        for name, help_text, value in gauges:
            yield GaugeMetricFamily(PREFIX + name, help_text, value)
        for name, help_text, value in counters:
            yield CounterMetricFamily(PREFIX + name, help_text, value)
        yield from _front_families(now.front_processes)


def _front_families(processes: Iterable[FrontProcess]) -> tuple[Metric, ...]:
    """What each front process does; without any there are no samples."""
    labels = ("front",)
    ready = GaugeMetricFamily(PREFIX + "front_ready", "1 while it accepts connections.", labels=labels)
    streams = GaugeMetricFamily(
        PREFIX + "front_streams_active", "Streams and calls it serves.", labels=labels
    )
    restarts = CounterMetricFamily(
        PREFIX + "front_restarts", "How often it was started again.", labels=labels
    )
    cpu = CounterMetricFamily(
        PREFIX + "front_cpu_seconds", "Processor time since its last start.", labels=labels
    )
    for process in processes:
        front = [str(process.index)]
        ready.add_metric(front, process.ready)
        streams.add_metric(front, process.live_streams)
        restarts.add_metric(front, process.restarts)
        cpu.add_metric(front, process.cpu_ms / 1000)
    return ready, streams, restarts, cpu
