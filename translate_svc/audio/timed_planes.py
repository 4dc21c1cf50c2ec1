"""Decodes one audio track, with FFmpeg (PyAV, extra ``media``), so that positions match the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from translate_svc.audio.damage import Damage
from translate_svc.audio.stated_end import StatedEnd
from translate_svc.errors import InvalidArgument

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.layout import AudioLayout
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from translate_svc.audio.streamed.wav_header import StatedWav

CREDIBLE_RATES_HZ = range(1_000, 768_001)
"""The highest rate of a source. For a rate of a gigahertz FFmpeg would compute a filter for half a minute."""
MAX_OVERLAP_S, MAX_GAP_S = 0.5, 3_600.0
"""How far timestamps may go back or forth. Where they go further, recordings were joined."""
MICROSECONDS_PER_S = 1_000_000
_TOLERATED_S = 0.1
_NO_PLACES = re.compile(r"\d+ channels")
"""FFmpeg's name of channels of which no file says where they stand, as the microphones of a recorder. FFmpeg
guesses places, and leaves out those that it takes for a subwoofer: what was said there would be lost.
"""
_GAPLESS, _TOLERATED_GAPLESS_S = "flac", 0.02
"""FLAC files have no gaps, and each frame has a checksum. FFmpeg compares it only if it is asked to."""
_CHECKED = {"err_detect": "crccheck+explode"}
_FREE_S = 3_600.0
_LEAST_BYTES_PER_S = 25
"""After its first hour a track must hold this much for each second that it lasts, silence included. This is
200 bit/s; the sparest codecs for speech use 450. Without a limit a few kilobytes could claim months.
"""

Planes = npt.NDArray[np.float32]
"""Samples ``[channels, n]``."""


class TimedPlanes:
    """The samples of an audio track in one layout and at one rate.

    Sample 0 is the container's time zero. If audio starts later, or has gaps (by its timestamps, up to an
    hour), silence fills them, and what overlaps, as of a clock that runs fast, is left out; so positions
    match the picture. Where recordings were joined, the next one follows at once. A packet that cannot be
    decoded is skipped and counted; samples that are no numbers are counted and silent. A track may last an
    hour, and as long as its bytes make credible beyond that.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream,
        rate_hz: int,
        layout: str = "",
        *,
        name: str,
        wav: StatedWav | None = None,
    ) -> None:
        """
        Args:
            container: the open file.
            stream: one of its tracks.
            rate_hz: of the samples.
            layout: in FFmpeg's words; empty: stereo stays, and all else becomes mono.
            name: the source's name in errors.
            wav: what the header of a WAV file states, if that is to be compared with what it holds.
        """
        self.damage = Damage()
        self._container = container
        self._stream = stream
        self._end = StatedEnd(container, stream, wav.length_s if wav else None)
        if wav and wav.is_followed:
            self.damage.add_follower()
        self._is_gapless = container.format.name == _GAPLESS
        if self._is_gapless:
            stream.codec_context.options = _CHECKED
        self._rate_hz = rate_hz
        self._layout = layout
        self._name = name
        self._zero_s = (container.start_time or 0) / MICROSECONDS_PER_S
        self._produced_samples = 0
        self._overlap_samples = 0
        self._packet_bytes = 0

    def __iter__(self) -> Iterator[Planes]:
        """Yields the whole track, once, in blocks as they are stored.

        Raises:
            InvalidArgument: the track claims to last longer than its bytes make credible. Names the source.
        """
        from av import FFmpegError

        mixer: AudioResampler | None = None
        layout: tuple[str, str, int] | None = None
        for frame in self._frames():
            if frame.sample_rate not in CREDIBLE_RATES_HZ:
                self._count_damage()
                continue
            yield from self._silence_before(frame)
            # a stream may change its layout, as broadcasts do; a mixer cannot
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if mixer is None or found != layout:
                yield from self._mixed(mixer, None)
                mixer, layout = self._mixer(frame.layout), found
            try:
                yield from self._mixed(mixer, frame)
            except FFmpegError:
                # a damaged header may claim what no filter takes, such as 73 channels
                self._count_damage()
                mixer = None
        yield from self._mixed(mixer, None)

    def _frames(self) -> Iterator[AudioFrame]:
        from av import FFmpegError

        packets = self._container.demux(*self._end.streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                if (cut := self._end.cut()) is not None:
                    self.damage.add_cut(*cut)
                return
            except FFmpegError:
                # the demuxer cannot find the next packet
                self._count_damage()
                return
            self._end.add(packet)
            if packet.stream.index != self._stream.index:
                continue
            self._packet_bytes += packet.size
            try:
                yield from packet.decode()
            except FFmpegError:
                self._count_damage()

    def _mixer(self, source: AudioLayout) -> AudioResampler:
        from av import AudioResampler

        layout = self._layout or ("stereo" if source.nb_channels == 2 else "mono")
        if not self._layout and source.nb_channels > 2 and _NO_PLACES.fullmatch(source.name):
            # packed, since PyAV reads no more than eight planes
            return AudioResampler(format="flt", layout=source.name, rate=self._rate_hz)
        return AudioResampler(format="fltp", layout=layout, rate=self._rate_hz)

    def _mixed(self, mixer: AudioResampler | None, frame: AudioFrame | None) -> Iterator[Planes]:
        """Yields ``frame`` in the wanted layout; None flushes the mixer."""
        for mixed in mixer.resample(frame) if mixer is not None else ():
            samples = np.array(mixed.to_ndarray(), dtype=np.float32)
            if mixed.format.is_packed:
                samples = samples.reshape(-1, mixed.layout.nb_channels).T
            planes = self.damage.silenced(samples, self._produced_s)
            if mixed.format.is_packed:
                planes = planes.mean(axis=0, dtype=np.float32, keepdims=True)
            left_out = min(self._overlap_samples, planes.shape[1])
            self._overlap_samples -= left_out
            if left_out < planes.shape[1]:
                self._produce(planes.shape[1] - left_out)
                yield planes[:, left_out:]

    def _silence_before(self, frame: AudioFrame) -> Iterator[Planes]:
        if frame.time is None:
            return
        gap_s = frame.time - self._zero_s - self._produced_s
        tolerated_s = _TOLERATED_GAPLESS_S if self._is_gapless else _TOLERATED_S
        if not -MAX_OVERLAP_S <= gap_s <= MAX_GAP_S:
            self._zero_s += gap_s
            self._overlap_samples = 0
        elif gap_s < -_TOLERATED_S:
            self._overlap_samples = round(-gap_s * self._rate_hz)
        elif gap_s > tolerated_s:
            if self._is_gapless and self._produced_samples:
                self._count_damage()  # FFmpeg leaves out some broken frames without an error
            missing = round(gap_s * self._rate_hz)
            self._produce(missing)
            while missing > 0:
                count = min(missing, self._rate_hz)
                yield np.zeros((1, count), np.float32)
                missing -= count

    def _produce(self, samples: int) -> None:
        """Counts samples that follow. Raises InvalidArgument if there are far more than the file can hold."""
        self._produced_samples += samples
        lasts_s = self._produced_s
        if lasts_s > _FREE_S + self._packet_bytes / _LEAST_BYTES_PER_S:
            hours, kilobytes = lasts_s / 3_600, self._packet_bytes / 1_000
            raise InvalidArgument(
                f"is not credible: by its timestamps {kilobytes:.1f} kB of audio last {hours:.1f} hours",
                field=self._name,
            )

    def _count_damage(self) -> None:
        self.damage.add_packet(self._produced_s)

    @property
    def _produced_s(self) -> float:
        return self._produced_samples / self._rate_hz
