"""What audio is, by the first of its bytes."""

from __future__ import annotations

from translate_svc.audio.streamed import flac_parts, ogg_opus, wav_header
from translate_svc.audio.streamed.audio_parts import AudioParts, RawParts

HEADS = {wav_header.MAGIC, flac_parts.MAGIC, ogg_opus.MAGIC}
MAGIC_BYTES = 4
"""So many tell whether there is a header."""


def parts_of(head: bytes) -> tuple[AudioParts, bytes] | None:
    """The parts of a file that begins with one of ``HEADS``, and what they are pushed first.

    None: ``head`` does not reach to the end of the header.

    Raises:
        InvalidArgument: the header is not valid, or the file holds what is not served.
        Unsupported: its codec's library is not installed.
    """
    magic = head[:MAGIC_BYTES]
    if magic == wav_header.MAGIC:
        found = wav_header.read_wav_header(head)
        return None if found is None else (RawParts(found[0]), head[found[1] :])
    if magic == flac_parts.MAGIC:
        return None if len(head) < flac_parts.HEAD_BYTES else (flac_parts.FlacParts(head), head)
    audio_format = ogg_opus.read_opus_head(head)
    return None if audio_format is None else (ogg_opus.OggOpusParts(audio_format), head)
